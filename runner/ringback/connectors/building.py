"""Makes the parts of a `Manifest` out of plain data whose shape the schema has already held."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ringback import words
from ringback.connectors.fieldpaths import Pick, parse_pick, parse_when
from ringback.connectors.manifest import (
    Action,
    Callbacks,
    Confirm,
    EffectBy,
    ErrorRow,
    Field,
    InboundSpec,
    Manifest,
    MediaSpec,
    Origin,
    PartSpec,
    Price,
    Reply,
    ReportSpec,
    Request,
    Response,
    Trigger,
)
from ringback.problems import CODES

_EFFECT_KEYS = ("by", "else", "repeatable_with")
KINDS_OF_CALLBACK = ("report", "inbound", "ping")


def build(data: Mapping[str, Any], folder: Path, file: str, origin: Origin) -> Manifest:
    """The manifest of a connector.yaml's data. Raises ValueError with a sentence on a path that is none."""
    actions: dict[str, Action] = {}
    triggers: dict[str, Trigger] = {}
    manifest = Manifest(
        id=data["id"],
        name=data["name"],
        kind=data["kind"],
        description=data["description"],
        docs=data.get("docs", ""),
        icon=data.get("icon", ""),
        setup=tuple(data.get("setup", ())),
        settings=build_fields(data.get("settings")),
        actions=actions,
        triggers=triggers,
        callbacks=_callbacks(data["callbacks"]) if data.get("callbacks") else None,
        folder=folder,
        file=file,
        origin=origin,
        price=Price(**data["price"]) if data.get("price") else None,
        lacks=dict(data.get("lacks") or {}),
    )
    for name, written in (data.get("actions") or {}).items():
        actions[name] = _action(manifest, name, written)
    for name, written in (data.get("triggers") or {}).items():
        triggers[name] = _trigger(manifest, name, written)
    return manifest


def full_name(connector: str, name: str) -> str:
    """`http.request`; an action or trigger named like its connector is called by that one word."""
    return connector if name == connector else f"{connector}.{name}"


def build_fields(written: Mapping[str, Any] | None) -> dict[str, Field]:
    """Fields by name, in the order written."""
    return {name: build_field(one) for name, one in (written or {}).items()}


def build_field(written: Mapping[str, Any]) -> Field:
    """One field of inputs, outputs or settings."""
    items, additional = written.get("items"), written.get("additional")
    return Field(
        type=written.get("type", "any"),
        title=written.get("title", ""),
        description=written.get("description", ""),
        example=written.get("example"),
        required=written.get("required", False),
        default=written.get("default"),
        choices=tuple(written.get("choices", ())),
        items=build_field(items) if items is not None else None,
        properties=build_fields(written.get("properties")),
        additional=build_field(additional) if additional is not None else None,
        schema=written.get("schema"),
        template=written.get("template", True),
    )


def _action(manifest: Manifest, name: str, written: Mapping[str, Any]) -> Action:
    request, response = written.get("request"), written.get("response")
    return Action(
        full=full_name(manifest.id, name),
        name=name,
        connector=manifest,
        title=written["title"],
        description=written["description"],
        effect=_effect(written["effect"]),
        inputs=build_fields(written.get("inputs")),
        outputs=build_fields(written.get("outputs")),
        outputs_from=written.get("outputs_from"),
        implements=written.get("implements"),
        python=written.get("python"),
        request=_request(request) if request is not None else None,
        response=_response(response or {}) if request is not None else None,
        engine=written.get("engine"),
        idempotent=written.get("idempotent", False),
    )


def _trigger(manifest: Manifest, name: str, written: Mapping[str, Any]) -> Trigger:
    return Trigger(
        full=full_name(manifest.id, name),
        name=name,
        connector=manifest,
        title=written["title"],
        description=written["description"],
        source=written["source"],
        inputs=build_fields(written.get("inputs")),
        outputs=build_fields(written.get("outputs")),
        outputs_from=written.get("outputs_from"),
    )


def _effect(written: Any) -> Any:
    if isinstance(written, str):
        return written
    table = {str(key).upper(): value for key, value in written.items() if key not in _EFFECT_KEYS}
    return EffectBy(
        written["by"], table, written["else"], tuple(written.get("repeatable_with", ()))
    )


def _request(written: Mapping[str, Any]) -> Request:
    return Request(
        method=written.get("method", "POST"),
        url=written["url"],
        query=written.get("query", {}),
        headers=written.get("headers", {}),
        auth=written.get("auth", {}),
        json=written.get("json"),
        form=written.get("form"),
        body=written.get("body"),
        timeout_ms=words.duration_ms(written.get("timeout", "30 seconds")),
    )


def _response(written: Mapping[str, Any]) -> Response:
    return Response(
        ok=parse_when(written.get("ok")),
        id=_pick(written, "id"),
        status=_pick(written, "status"),
        statuses=_statuses(written),
        segments=_pick(written, "segments"),
        cost=_pick(written, "cost"),
        at=_pick(written, "at"),
        error_code=_pick(written, "error_code"),
        detail=_pick(written, "detail"),
        reason=_pick(written, "reason"),
        retry_after=_pick(written, "retry_after"),
        outputs={name: parse_pick(one) for name, one in written.get("outputs", {}).items()},
        errors=_errors(written),
    )


def _errors(written: Mapping[str, Any]) -> tuple[ErrorRow, ...]:
    return tuple(_error_row(row) for row in written.get("errors", ()))


def _error_row(written: Mapping[str, Any]) -> ErrorRow:
    if written["code"] not in CODES:
        raise ValueError(f"{written['code']} is not one of {', '.join(CODES)}.")
    http = written.get("http", [])
    return ErrorRow(
        code=written["code"],
        http=frozenset(http if isinstance(http, list) else [http]),
        when=parse_when(written.get("when")),
        message=written.get("message", ""),
        next=written.get("next", ""),
    )


def _pick(written: Mapping[str, Any], key: str) -> Pick | None:
    return parse_pick(written[key]) if written.get(key) is not None else None


def _statuses(written: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(word).strip().casefold(): known for word, known in written.get("statuses", {}).items()
    }


def _listed(written: Any) -> list[Any]:
    if written is None:
        return []
    return written if isinstance(written, list) else [written]


def _callbacks(written: Mapping[str, Any]) -> Callbacks:
    reply = written.get("reply", {})
    own = {key: value for key, value in reply.items() if key not in KINDS_OF_CALLBACK}
    confirm = written.get("confirm")
    return Callbacks(
        verify=tuple(_listed(written["verify"])),
        report=tuple(_report(one) for one in _listed(written.get("report"))),
        inbound=tuple(_inbound(one) for one in _listed(written.get("inbound"))),
        ping=parse_when(written["ping"]) if written.get("ping") else None,
        reply=_reply(own),
        raw=written,
        replies={
            kind: _reply({**own, **reply[kind]}) for kind in KINDS_OF_CALLBACK if kind in reply
        },
        confirm=Confirm(parse_when(confirm["when"]), parse_pick(confirm["url"]))
        if confirm
        else None,
    )


def _reply(written: Mapping[str, Any]) -> Reply:
    return Reply(**({**written, "body": ""} if written.get("status") == 204 else written))


def _report(written: Mapping[str, Any]) -> ReportSpec:
    names = (
        "each", "id", "reference", "to", "status", "at", "error_code", "detail", "refunded", "cost",
        "segments", "sequence", "key",
    )  # fmt: skip
    picks = {name: _pick(written, name) for name in names}
    return ReportSpec(
        when=parse_when(written.get("when")),
        statuses=_statuses(written),
        errors=_errors(written),
        parts=written.get("parts", False),
        **picks,
    )


def _inbound(written: Mapping[str, Any]) -> InboundSpec:
    picks = {name: _pick(written, name) for name in ("each", "id", "to", "text", "at", "key")}
    parts = written.get("parts")
    return InboundSpec(
        when=parse_when(written.get("when")),
        sender=_pick(written, "from"),
        media=_media(written["media"]) if written.get("media") else None,
        parts=PartSpec(**{name: parse_pick(one) for name, one in parts.items()}) if parts else None,
        opt_out=parse_when(written["opt_out"]) if written.get("opt_out") else None,
        **picks,
    )


def _media(written: Mapping[str, Any]) -> MediaSpec:
    names = ("url", "content_type", "data", "name")
    return MediaSpec(
        **{name: _pick(written, name) for name in names},
        auth=written.get("auth", {}),
        hosts=tuple(written.get("hosts", ())),
    )
