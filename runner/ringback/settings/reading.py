"""Reads ringback.yaml, with `${NAME}` filled in from the environment and the project's .env."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

from ringback import words, yamltext
from ringback.paths import PROJECT_FILE
from ringback.problems import Mistakes, Problem
from ringback.settings import locks, machines
from ringback.settings.model import (
    ANSWERS,
    Connection,
    Limits,
    LogRules,
    MessageRules,
    Prices,
    QuietHours,
    Settings,
    WorkflowSettings,
)
from ringback.settings.reader import Path_, Reader

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DATABASES = ("postgresql", "postgres")
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
    except (OSError, UnicodeDecodeError) as error:
        raise Mistakes([_unreadable(PROJECT_FILE, error)]) from None
    reader = Reader(yamltext.read(text, PROJECT_FILE), _variables(folder, environ), allow_unset)
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


def _unreadable(file: str, error: OSError | UnicodeDecodeError) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem("encoding", "The file is not UTF-8 text.", "Save it as UTF-8.", file)
    said = f"The file cannot be read: {error.strerror or error}."
    return Problem("unreadable", said, "Run Ringback as the user whose file it is.", file)


def _variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    try:
        kept = dotenv_values(folder / ".env", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise Mistakes([_unreadable(".env", error)]) from None
    return {**{name: value for name, value in kept.items() if value is not None}, **environ}


def _settings(folder: Path, reader: Reader) -> Settings:
    project = {**_PROJECT, **reader.section("project")}
    _check_timezone(project, reader)
    hook_secrets = {str(name): reader.words("secrets", name) for name in reader.section("secrets")}
    for values in hook_secrets.values():
        reader.secrets.update(values)
    locked = locks.read(folder, reader, _duration)
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
        workers=reader.read(16, _count, "serve", "workers"),
        max_body=reader.read(25_000_000, _size, "serve", "max_body"),
        max_file=reader.read(20_000_000, _size, "serve", "max_file"),
        journal_path=folder / str(reader.get("journal", "path") or ".ringback/journal.db"),
        files_folder=folder / machines.files_folder(reader),
        files_at=machines.files_at(reader),
        keep_ms=reader.read(90 * 86_400_000, _duration, "journal", "keep"),
        api_tokens=_tokens(reader),
        hook_secrets=hook_secrets,
        allow_private=reader.words("http", "allow_private"),
        journal_url=_journal_url(reader),
        work=machines.work(reader),
        secrets=frozenset(reader.secrets),
        messages=_messages(reader),
        log=_log(reader),
        locks=replace(locked, kept_secrets=frozenset(reader.kept_secrets)),
    )


_LOG = {
    "format": ("text", ("text", "json")),
    "level": ("info", ("debug", "info", "warning", "error")),
    "numbers": ("short", ("short", "whole")),
}


def _log(reader: Reader) -> LogRules:
    """How the log is written: by RINGBACK_LOG_FORMAT, …_LEVEL and …_NUMBERS, else by ringback.yaml."""
    said = {}
    for name, (default, words_) in _LOG.items():
        variable = f"RINGBACK_LOG_{name.upper()}"
        given = reader.variable(variable)
        word = str(given or reader.get("log", name) or default).lower()
        if word not in words_:
            place = f"{variable} is" if given else f"`log.{name}` is"
            reader.report("wrong_value", f"{place} “{word}”.", f"Write one of: {', '.join(words_)}.", ("log", name))  # fmt: skip
        said[name] = word
    return LogRules(said["format"], said["level"].upper(), said["numbers"] == "whole")


def _journal_url(reader: Reader) -> str:
    """The address of the journal's database; its password is a secret."""
    url = str(reader.get("journal", "url") or "")
    scheme, there, rest = url.partition("://")
    if url and (scheme not in _DATABASES or not there):
        reader.report(
            "wrong_value",
            "The journal's url is not that of a PostgreSQL database.",
            "Write postgresql://user:password@host/database, or `path:` for a file.",
            ("journal", "url"),
        )
        return ""
    password = rest.rpartition("@")[0].partition(":")[2]
    reader.secrets.update(filter(None, (password, unquote(password))))
    return url


def _messages(reader: Reader) -> MessageRules:
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


def _quiet_hours(reader: Reader) -> QuietHours | None:
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


def _connections(reader: Reader) -> dict[str, Connection]:
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


def _limits(reader: Reader, place: Path_) -> Limits:
    said = reader.section(*place, "limits")
    names = [name for name in Limits.__slots__ if name in said]
    read = {name: reader.read(0, _limit, *place, "limits", name) for name in names}
    return Limits(**{name: count or None for name, count in read.items()})


def _prices(reader: Reader, place: Path_) -> Prices | None:
    said = reader.section(*place, "prices")
    if not said:
        return None
    amount = _amount(reader, said.get("amount"), (*place, "prices"))
    countries = {
        name: _country_amount(reader, name, written, (*place, "prices", "countries"))
        for name, written in reader.section(*place, "prices", "countries").items()
    }
    if amount is None:
        return None
    known = {name: one for name, one in countries.items() if one is not None}
    return Prices(str(said.get("per") or ""), amount, str(said.get("currency") or ""), known)


def _amount(reader: Reader, written: Any, place: Path_) -> Decimal | None:
    try:
        amount = Decimal(str(written))
    except ArithmeticError:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        reader.report("wrong_value", "The prices have no amount that is a number.", "Write amount: 0.04", place)  # fmt: skip
        return None
    return amount


def _country_amount(reader: Reader, name: str, written: Any, place: Path_) -> Decimal | None:
    """The amount of a country or a prefix; a country that there is not is reported."""
    import phonenumbers

    if not str(name).startswith("+") and name not in phonenumbers.SUPPORTED_REGIONS:
        reader.report("wrong_value", f"“{name}” is no country.", "Write two capital letters as in FR, or the beginning of a number as in +4479.", (*place, name))  # fmt: skip
        return None
    return _amount(reader, written, (*place, name))


def _workflows(reader: Reader) -> dict[str, WorkflowSettings]:
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


def _tokens(reader: Reader) -> tuple[str, ...]:
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


def _check_timezone(project: Mapping[str, Any], reader: Reader) -> None:
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
