"""A person asks: what is known of my number, give it to me, erase it. The one exception to finished runs being immutable."""

from __future__ import annotations

import logging
import re
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import phonenumbers

from ringback.engine import settle
from ringback.engine.runtime import Runtime
from ringback.journal import audit, erasing
from ringback.journal.audit import Actor
from ringback.journal.dossier import Dossier, Progress, gather
from ringback.journal.runs import get_run
from ringback.journal.spellings import Spellings
from ringback.masks import shorten_number
from ringback.problems import Failure
from ringback.settings import Settings
from ringback.sms.gate import e164

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""How long a canceled run that somebody is just working on may take to end."""
_PASSES = 3
_LOOK_EVERY_S = 0.1
_CHUNK = 1 << 20
_SHOWN = 10
_TAGS = re.compile(rb"<[^<>]*>")

BACKUPS = (
    "Backups, copies of the journal and what has left this machine (the gateway's own records, mails, other systems, "
    "logs) still hold it: erase there too, and again after a backup is put back."
)
"""What no program can do here."""


@dataclass(slots=True)
class Erased:
    """What became of an erasure: rows changed or gone by table, and what a person still has to know or do."""

    number: str
    counts: dict[str, int]
    kept_optout: bool
    canceled: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As the API and `--json` give it."""
        return {
            "number": self.number,
            "counts": self.counts,
            "kept_optout": self.kept_optout,
            "canceled": self.canceled,
            "shared": self.shared,
            "left": self.left,
        }


def spellings_of(settings: Settings, told: str) -> Spellings:
    """A number as somebody told it, in every way it may be written. Raises `Failure("invalid_number")`."""
    country = str(settings.project.get("country") or "")
    number = e164(told.strip(), country)
    if number is None:
        raise Failure(
            "invalid_number",
            f"“{told}” is not a phone number.",
            "Write it with its country code, such as +447700900077.",
        )
    parsed = phonenumbers.parse(number, None)
    rest = phonenumbers.national_significant_number(parsed)
    home = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    dialled = "".join(one for one in home if one.isdigit())
    trunk = dialled.removesuffix(rest) if dialled.endswith(rest) else ""
    at_home = phonenumbers.country_code_for_region(country) == parsed.country_code
    return Spellings(number, str(parsed.country_code), rest, trunk, at_home=at_home)


def find(
    runtime: Runtime,
    told: str,
    *,
    thorough: bool = False,
    progress: Progress = lambda _table, _rows: None,
) -> Dossier:
    """Everything about a number: by index from its messages, or `thorough`, by looking at every row and file.

    Raises `Failure("invalid_number")`.
    """
    spelled = spellings_of(runtime.settings, told)
    return gather(
        runtime.journal,
        spelled,
        _ours(runtime.settings) - {spelled.number},
        thorough=thorough,
        progress=progress,
    )


def erase(
    runtime: Runtime,
    told: str,
    actor: Actor,
    *,
    keep_optout: bool = True,
    cancel: bool = False,
    thorough: bool = False,
    rewrite: bool = False,
    progress: Progress = lambda _table, _rows: None,
) -> Erased:
    """Erase everything about a number, in small writes while the project is served.

    Args:
        actor: who does it, for the audit trail.
        keep_optout: an opt-out stays as a bare fact (number, time, source), so that they are not texted again.
        cancel: cancel runs about the number that have not finished; without it they are a `Failure("refused")`.
        rewrite: write the whole journal file anew; see `erasing.rewrite`.

    Raises `Failure("invalid_number")`, or `Failure("refused")` naming the runs that are in the way.
    """
    found = find(runtime, told, thorough=thorough, progress=progress)
    canceled = _end(runtime, found, actor, cancel=cancel)
    if canceled:
        found = find(runtime, told, thorough=thorough, progress=progress)
        _end(runtime, found, actor, cancel=False)
    asked = {"keep_optout": keep_optout, "thorough": thorough, "canceled": len(canceled)}
    note(runtime, actor, "number.erased", found, {**asked, "stage": "begun"})
    made = Erased(found.spelled.number, {}, False, canceled, found.shared)
    for again in range(_PASSES):
        now = find(runtime, told) if again else found
        counts, kept = erasing.erase(runtime.journal, runtime.files, now, keep_optout=keep_optout)
        made.kept_optout |= kept
        for name, count in counts.items():
            if name != "contacts" or not again:
                made.counts[name] = made.counts.get(name, 0) + count
        found.unfinished = now.unfinished
        if not {name for name in counts if name != "contacts"}:
            break
    if rewrite:
        erasing.rewrite(runtime.journal)
    made.left = _left(runtime, found, made, emptied=erasing.scrub(runtime.journal))
    note(runtime, actor, "number.erased", found, {**asked, "stage": "done", "counts": made.counts})
    return made


def summary(found: Dossier, named: Iterable[str] = ()) -> dict[str, Any]:
    """What was found, as the API and `--json` give it; `named` are the stored files in which it stands."""
    return {
        "number": found.spelled.number,
        "counts": found.counts(),
        "runs": found.ids("runs"),
        "messages": found.ids("messages"),
        "unfinished": found.unfinished,
        "shared": found.shared,
        "files": sorted(found.files),
        "other_files": sorted(set(named) - set(found.files)),
        "workflows": found.defined,
        "thorough": found.thorough,
    }


def note(
    runtime: Runtime, actor: Actor, action: str, found: Dossier, facts: Mapping[str, Any]
) -> None:
    """A line in the audit trail, with the number shortened."""
    now, number = runtime.clock.now_ms(), shorten_number(found.spelled.number)
    runtime.journal.write(lambda conn: audit.add(conn, actor, action, number, now, facts))


def files_naming(
    runtime: Runtime, spelled: Spellings, spared: Callable[[str], bool] = lambda _sha256: False
) -> list[str]:
    """The stored files in which the number stands as text, zip archives such as .docx opened; not the `spared` ones."""
    folder = runtime.settings.files_folder
    named = []
    for path in sorted(folder.glob("[0-9a-f][0-9a-f]/*")):
        sha256 = path.parent.name + path.name
        if not spared(sha256) and any(map(spelled.in_bytes, _contents(path))):
            named.append(sha256)
    return named


def _left(runtime: Runtime, found: Dossier, made: Erased, *, emptied: bool) -> list[str]:
    """What a person still has to know or do, in sentences."""
    said = []
    if made.kept_optout:
        said.append("The opt-out was kept as a bare fact (number, time, source), so that they are not texted again. To drop it too: keep_optout off.")  # fmt: skip
    if made.shared:
        said.append(f"{_several(made.shared, 'run')} also concerned other people; there only what names the number, and the texts to and from it, was erased. A name may still stand in them: {', '.join(made.shared[:_SHOWN])}")  # fmt: skip
    if found.unfinished:
        said.append(f"Meanwhile {_several(found.unfinished, 'run')} began about the number and was left alone: {', '.join(found.unfinished[:_SHOWN])}. Erase again.")  # fmt: skip
    if found.open:
        said.append(f"{found.open} of the messages had not ended: a late report brings the number back. Erase again in a few days.")  # fmt: skip
    if found.defined:
        said.append(f"The workflow text of {', '.join(found.defined)} names the number: change the file. Versions that ran are kept.")  # fmt: skip
    named = files_naming(runtime, found.spelled) if found.thorough else []
    if named:
        said.append(f"{_several(named, 'stored file')} used by other runs or people still name it: {', '.join(one[:12] for one in named[:_SHOWN])}")  # fmt: skip
    if not found.thorough:
        said.append("What never became a message was not looked for; a thorough search does.")
    if not emptied:
        said.append("Somebody was reading, so the journal's write-ahead log still holds what was before. It is written over as the journal is used; erasing once more empties it.")  # fmt: skip
    return [*said, BACKUPS]


def _end(runtime: Runtime, found: Dossier, actor: Actor, *, cancel: bool) -> list[str]:
    """Have the unfinished runs ended. Raises `Failure("refused")` where they may not be, or do not end."""
    if not found.unfinished:
        return []
    shown = ", ".join(found.unfinished[:_SHOWN])
    if not cancel:
        raise Failure(
            "refused",
            f"{_several(found.unfinished, 'run')} about this number {'has' if len(found.unfinished) == 1 else 'have'} not finished: {shown}.",
            "Let them finish, or have them canceled first: --cancel, or cancel: true.",
            detail={"runs": found.unfinished},
        )
    for run in found.unfinished:
        settle.cancel(runtime, run, by=actor)
    going = [run for run in found.unfinished if not _ended(runtime, run)]
    if going:
        raise Failure(
            "refused",
            f"{_several(going, 'run')} did not end within {PATIENCE_S:.0f} s after being canceled: {', '.join(going[:_SHOWN])}.",
            "They end at their next step; a run that was just being worked on needs `ringback serve` for that. Try again then.",
            detail={"runs": going},
        )
    return found.unfinished


def _ended(runtime: Runtime, run_id: str) -> bool:
    give_up = time.monotonic() + PATIENCE_S
    while True:
        with runtime.journal.read() as conn:
            run = get_run(conn, run_id)
        if run is None or run.finished:
            return True
        if time.monotonic() > give_up:
            return False
        time.sleep(_LOOK_EVERY_S)


def _ours(settings: Settings) -> set[str]:
    """Numbers that the operator's own settings name: staff, senders."""
    country = str(settings.project.get("country") or "")
    told = [*_words(dict(settings.project))]
    for connection in settings.connections.values():
        told += _words(dict(connection.settings))
    return {found for one in told if len(one) < 25 and (found := e164(one, country))}


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)


def _contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and those of what an archive holds, up to 64 MB each."""
    with path.open("rb") as stream:
        tail = b""
        while chunk := stream.read(_CHUNK):
            yield tail + chunk
            tail = chunk[-64:]
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    with archive.open(entry) as part:
                        words = part.read(64 * _CHUNK)
                    yield words
                    yield _TAGS.sub(b"", words)  # Word may cut a number in pieces
        except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError) as error:  # fmt: skip
            log.info("%s could not be opened: %s", path, error)


def _several(found: list[str], noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
