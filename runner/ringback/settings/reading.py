"""Reads ringback.yaml, with `${NAME}` filled in from the environment and the project's .env."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

from ringback import words, yamltext
from ringback.paths import PROJECT_FILE
from ringback.problems import Mistakes, Problem
from ringback.settings.model import (
    ANSWERS,
    Connection,
    Limits,
    MessageRules,
    Prices,
    QuietHours,
    Settings,
    WorkflowSettings,
)

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_PROJECT = {"name": "", "country": None, "locale": "en", "timezone": "UTC"}


def load_settings(
    folder: Path, environ: Mapping[str, str], *, allow_unset: bool = False
) -> Settings:
    """Read `<folder>/ringback.yaml`.

    `allow_unset` takes an unset `${NAME}` as an empty text, for work that needs no secret (checking, rehearsing).
    Raises `Mistakes` with every problem found, a missing file included.
    """
    path = folder / PROJECT_FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Mistakes([_no_project(folder)]) from None
    except UnicodeDecodeError:
        unreadable = Problem(
            "encoding", "The file is not UTF-8 text.", "Save it as UTF-8.", PROJECT_FILE
        )
        raise Mistakes([unreadable]) from None
    reader = _Reader(yamltext.read(text, PROJECT_FILE), _variables(folder, environ), allow_unset)
    settings = _settings(folder.resolve(), reader)
    if any(problem.severity == "error" for problem in reader.problems):
        raise Mistakes(sorted(reader.problems, key=_reading_order))
    return settings


def _reading_order(problem: Problem) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)


def _no_project(folder: Path) -> Problem:
    return Problem(
        "no_project",
        f"There is no {PROJECT_FILE} in {folder}.",
        "Start a project with: ringback init DIR",
    )


def _variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    kept = dotenv_values(folder / ".env", interpolate=False)
    return {**{name: value for name, value in kept.items() if value is not None}, **environ}


Path_ = tuple[str | int, ...]


class _Reader:
    """Takes values out of the file, remembering every mistake and every secret on the way."""

    def __init__(
        self, document: yamltext.Document, variables: Mapping[str, str], allow_unset: bool
    ) -> None:
        self._document = document
        self._variables = variables
        self._allow_unset = allow_unset
        self.problems = list(document.problems)
        self.secrets: set[str] = set()

    def report(self, code: str, message: str, next_step: str, path: Path_) -> None:
        self.problems.append(self._document.problem(code, message, next_step, path))

    def get(self, *path: str | int) -> Any:
        """The value at a path with its variables filled in, or None."""
        here = self._document.data
        for key in path:
            if isinstance(here, Mapping) and key in here:
                here = here[key]
            else:
                return None
        return self._fill(here, path)

    def section(self, *path: str | int) -> dict[str, Any]:
        found = self.get(*path)
        if found is None:
            return {}
        if isinstance(found, dict):
            return found
        self.report(
            "wrong_type",
            f"`{path[-1]}` is a list of names and values.",
            "Indent them below it.",
            path,
        )
        return {}

    def words(self, *path: str | int) -> tuple[str, ...]:
        """One text or a list of texts."""
        found = self.get(*path)
        values = found if isinstance(found, list) else [] if found is None else [found]
        return tuple(str(value) for value in values if value != "")

    def read(self, default: int, convert: Callable[[Any], int], *path: str | int) -> int:
        found = self.get(*path)
        if found is None:
            return default
        try:
            return convert(found)
        except (ValueError, TypeError) as error:
            self.report("wrong_value", str(error), "", path)
            return default

    def _fill(self, value: Any, path: Path_) -> Any:
        if isinstance(value, str):
            return self._fill_text(value, path)
        if isinstance(value, dict):
            return {key: self._fill(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._fill(inner, (*path, at)) for at, inner in enumerate(value)]
        return value

    def _fill_text(self, text: str, path: Path_) -> str:
        def one(match: re.Match[str]) -> str:
            name, otherwise = match.groups()
            value: str | None = self._variables.get(name, otherwise)
            if value is None:
                if not self._allow_unset:
                    self.report(
                        "unset_variable", f"{name} is not set.", f"Put {name}=… into .env.", path
                    )
                return ""
            return value

        return _VARIABLE.sub(one, text)


def _settings(folder: Path, reader: _Reader) -> Settings:
    project = {**_PROJECT, **reader.section("project")}
    _check_timezone(project, reader)
    hook_secrets = {str(name): reader.words("secrets", name) for name in reader.section("secrets")}
    for values in hook_secrets.values():
        reader.secrets.update(values)
    host = str(reader.get("serve", "host") or "127.0.0.1")
    port = reader.read(8080, _port, "serve", "port")
    return Settings(
        folder=folder,
        project=project,
        connections=_connections(reader),
        workflows=_workflows(reader),
        send_through=reader.words("send_through"),
        public_url=str(reader.get("public_url") or f"http://{host}:{port}").rstrip("/"),
        host=host,
        port=port,
        workers=reader.read(8, _count, "serve", "workers"),
        max_body=reader.read(25_000_000, _size, "serve", "max_body"),
        max_file=reader.read(20_000_000, _size, "serve", "max_file"),
        journal_path=folder / str(reader.get("journal", "path") or ".ringback/journal.db"),
        files_folder=folder / str(reader.get("journal", "files") or ".ringback/files"),
        keep_ms=reader.read(90 * 86_400_000, _duration, "journal", "keep"),
        api_tokens=_tokens(reader),
        hook_secrets=hook_secrets,
        allow_private=reader.words("http", "allow_private"),
        secrets=frozenset(reader.secrets),
        messages=_messages(reader),
    )


def _messages(reader: _Reader) -> MessageRules:
    answers = dict(ANSWERS)
    for word in answers:
        said = reader.get("messages", f"{word}_text")
        if said is not None:
            answers[word] = str(said) if said is not False else ""
    return MessageRules(
        repeat_window_ms=reader.read(600_000, _duration, "messages", "repeat_window"),
        silence_ms=reader.read(3 * 86_400_000, _duration, "messages", "silence"),
        quiet_hours=_quiet_hours(reader),
        plain_quotes=reader.get("messages", "plain_quotes") is True,
        answers=answers,
    )


def _quiet_hours(reader: _Reader) -> QuietHours | None:
    place = ("messages", "quiet_hours")
    if not reader.section(*place):
        return None
    begins, ends = (reader.read(-1, _time_of_day, *place, name) for name in ("from", "to"))
    for name, minutes in (("from", begins), ("to", ends)):
        if minutes < 0 and reader.get(*place, name) is None:
            reader.report("missing_key", f"The quiet hours have no `{name}`.", 'Write it as "21:00".', place)  # fmt: skip
    if begins < 0 or ends < 0:
        return None
    if begins == ends:
        reader.report("wrong_value", "The quiet hours take the whole day.", "Let them end before they begin again.", place)  # fmt: skip
        return None
    return QuietHours(begins, ends)


def _connections(reader: _Reader) -> dict[str, Connection]:
    made = {}
    for name, said in reader.section("connections").items():
        if not isinstance(said, dict) or not isinstance(said.get("uses"), str):
            reader.report(
                "missing_key",
                f"The connection {name} does not say which connector it uses.",
                "Add `uses:` with a connector's id; `ringback connectors` lists them.",
                ("connections", name),
            )
            continue
        place = ("connections", name)
        made[str(name)] = Connection(
            str(name),
            said["uses"],
            said.get("with") or {},
            _limits(reader, place),
            _prices(reader, place),
        )
    return made


def _limits(reader: _Reader, place: Path_) -> Limits:
    said = reader.section(*place, "limits")
    names = [name for name in Limits.__slots__ if name in said]
    read = {name: reader.read(0, _limit, *place, "limits", name) for name in names}
    return Limits(**{name: count or None for name, count in read.items()})


def _prices(reader: _Reader, place: Path_) -> Prices | None:
    said = reader.section(*place, "prices")
    if not said:
        return None
    try:
        amount = Decimal(str(said["amount"]))
        if not amount.is_finite() or amount < 0:
            raise ValueError
    except (KeyError, InvalidOperation, ValueError):
        reader.report("wrong_value", "The prices have no amount that is a number.", "Write amount: 0.04", (*place, "prices"))  # fmt: skip
        return None
    return Prices(str(said.get("per") or ""), amount, str(said.get("currency") or ""))


def _workflows(reader: _Reader) -> dict[str, WorkflowSettings]:
    made = {}
    for name, said in reader.section("workflows").items():
        if not isinstance(said, dict):
            reader.report(
                "wrong_type", f"`{name}` has `inputs` and `enabled`.", "", ("workflows", name)
            )
            continue
        enabled = said.get("enabled")
        made[str(name)] = WorkflowSettings(
            said.get("inputs") or {}, enabled if isinstance(enabled, bool) else None
        )
    return made


def _tokens(reader: _Reader) -> tuple[str, ...]:
    tokens: Sequence[str] = reader.words("api", "tokens")
    reader.secrets.update(tokens)
    for at, token in enumerate(tokens):
        if len(token) < 16:
            reader.report(
                "weak_token",
                "An API token is shorter than 16 characters.",
                "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
                ("api", "tokens", at),
            )
    return tuple(tokens)


def _check_timezone(project: Mapping[str, Any], reader: _Reader) -> None:
    try:
        ZoneInfo(str(project["timezone"]))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        reader.report(
            "unknown_timezone",
            f"“{project['timezone']}” is not a time zone.",
            "Write one such as Europe/London.",
            ("project", "timezone"),
        )


def _port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise ValueError(f"“{value}” is not a port. Write a number from 0 to 65535.")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 256:
        raise ValueError(f"“{value}” is not a number from 1 to 256.")
    return value


def _limit(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"“{value}” is not a limit. Write a whole number from 1.")
    return value


def _time_of_day(value: Any) -> int:
    found = _TIME.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f'“{value}” is not a time of day. Write it as "21:00", with quotes.')
    return int(found[1]) * 60 + int(found[2])


def _size(value: Any) -> int:
    return words.size_bytes(str(value))


def _duration(value: Any) -> int:
    return words.duration_ms(str(value))
