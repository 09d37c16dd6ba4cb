"""One webhook as its workflow describes it, made once and kept until the workflow changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ringback.settings import Settings
from ringback.words import duration_ms, size_bytes
from ringback.workflow.model import TriggerUse, Workflow

DEFAULT_TOLERANCE_MS = 5 * 60_000
DEFAULT_WITHIN_MS = 10_000
LONGEST_WITHIN_MS = 5 * 60_000
"""A caller that waits holds one of the server's threads, so there is an end to it."""

SchemaErrors = Callable[[Any], list[tuple[str, str]]]
"""`(body) -> [(place in the body, what is wrong)]`, empty where the body fits."""


@dataclass(frozen=True, slots=True)
class Auth:
    """How a sender proves who it is; `secrets` are all values that count, so that one can be changed for another."""

    type: str = "none"
    secrets: tuple[str, ...] = ()
    username: str = ""
    header: str = ""
    query: str = ""
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    signed: str = "{body}"
    tolerance_ms: int = DEFAULT_TOLERANCE_MS

    @property
    def signs_body(self) -> bool:
        """Whether the proof is over the body, which then has to be there before anything is parsed."""
        return self.type in ("hmac", "standard_webhooks")


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What one upload must be: `types` as written, `max_size` in bytes."""

    types: tuple[str, ...] = ()
    max_size: int | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Respond:
    """What the sender is answered; `body` is a template (text, map or list), None for the run's result."""

    mode: str = "accepted"
    within_ms: int = DEFAULT_WITHIN_MS
    status: int = 200
    body: Any = None
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook, ready to receive."""

    workflow: Workflow
    trigger: int
    path: str
    methods: tuple[str, ...]
    auth: Auth
    files: Mapping[str, FileSpec]
    schema_errors: SchemaErrors | None
    dedupe: str
    respond: Respond
    max_body: int
    max_file: int

    @property
    def where(self) -> str:
        """The place that this hook's refusals name."""
        return f"/hooks/{self.path}"


def read_hook(workflow: Workflow, use: TriggerUse, settings: Settings) -> Hook:
    """The webhook that a trigger describes.

    Raises ValueError with a sentence where the trigger says something that the checker would have refused.
    """
    said = use.with_
    max_body = settings.max_body
    if said.get("max_body") is not None:
        max_body = min(max_body, size_bytes(str(said["max_body"])))
    schema = said.get("body_schema")
    return Hook(
        workflow=workflow,
        trigger=workflow.triggers.index(use),
        path=str(said.get("path", "")).strip("/"),
        methods=_methods(said.get("methods")),
        auth=_auth(said.get("auth"), settings),
        files={name: _file(spec or {}) for name, spec in (said.get("files") or {}).items()},
        schema_errors=None if schema is None else _schema_errors(schema),
        dedupe=str(said.get("dedupe") or ""),
        respond=_respond(said.get("respond")),
        max_body=max_body,
        max_file=min(settings.max_file, max_body),
    )


def _methods(said: Any) -> tuple[str, ...]:
    listed = [said] if isinstance(said, str) else said or ["POST"]
    return tuple(str(method).upper() for method in listed)


def _auth(said: Any, settings: Settings) -> Auth:
    if said is None or said == "none":
        return Auth()
    kind = str(said.get("type", "none"))
    if kind == "none":
        return Auth()
    name = str(said.get("secret", ""))
    secrets = tuple(filter(None, settings.hook_secrets.get(name, ())))
    tolerance = said.get("tolerance")
    timestamp_header = str(said.get("timestamp_header", "")).lower()
    return Auth(
        type=kind,
        secrets=secrets,
        username=str(said.get("username", "")),
        header=str(said.get("header", "")).lower(),
        query=str(said.get("query", "")),
        algorithm=str(said.get("algorithm", "sha256")),
        encoding=str(said.get("encoding", "hex")),
        prefix=str(said.get("prefix", "")),
        timestamp_header=timestamp_header,
        signed=str(said.get("signed") or ("{timestamp}.{body}" if timestamp_header else "{body}")),
        tolerance_ms=DEFAULT_TOLERANCE_MS if tolerance is None else duration_ms(str(tolerance)),
    )


def _file(said: Mapping[str, Any]) -> FileSpec:
    types = said.get("types") or ()
    listed = (types,) if isinstance(types, str) else tuple(types)
    max_size = said.get("max_size")
    return FileSpec(
        types=tuple(str(one).lower().lstrip(".") for one in listed),
        max_size=None if max_size is None else size_bytes(str(max_size)),
        required=bool(said.get("required", False)),
    )


def _respond(said: Any) -> Respond:
    if said is None or isinstance(said, str):
        return Respond(mode=str(said or "accepted"))
    within = said.get("within")
    return Respond(
        mode=str(said.get("mode", "accepted")),
        within_ms=min(
            DEFAULT_WITHIN_MS if within is None else duration_ms(str(within)), LONGEST_WITHIN_MS
        ),
        status=int(said.get("status", 200)),
        body=said.get("body"),
        content_type=str(said.get("content_type", "")),
    )


def _schema_errors(schema: Any) -> SchemaErrors:
    from ringback.web.bodyschema import compile_schema

    return compile_schema(schema)
