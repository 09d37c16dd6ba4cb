"""Runs the cases that lie in a connector's `examples/`; connectors/README.md says how they are written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from ringback import sdk, yamltext
from ringback.clock import to_ms
from ringback.connectors import callbacks, examples, invoke, values, verify
from ringback.connectors.callbacks import IncomingRequest
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.examples import NOW, Script, public_url_of
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Call
from ringback.problems import Failure

CATALOGUE = load_catalogue()
_KINDS = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
}


@dataclass(frozen=True)
class Case:
    """One case of one connector; `subject` is the action, the trigger, `send` or `callback`."""

    manifest: Manifest
    file: Path
    number: int
    data: Mapping[str, Any]

    @property
    def subject(self) -> str:
        for key in ("action", "trigger"):
            if key in self.data:
                return str(self.data[key])
        return next(kind for kind in ("send", "ask", "callback") if kind in self.data)

    @property
    def label(self) -> str:
        title = self.data.get("title", self.number)
        return f"{self.manifest.id}/{self.file.name}: {title}"


def cases_of(manifest: Manifest) -> Iterator[Case]:
    """Every case of one connector, in the order of its files."""
    for file in sorted((manifest.folder / "examples").glob("*")):
        if file.suffix == ".json":
            data = json.loads(file.read_text("utf-8"))
        elif file.suffix in (".yaml", ".yml"):
            document = yamltext.read_file(file, file.name)
            assert not document.problems, "\n".join(map(str, document.problems))
            data = document.data
        else:
            continue
        for number, one in enumerate(data.get("cases", [data])):
            yield Case(manifest, file, number, one)


CASES = [case for manifest in CATALOGUE.connectors.values() for case in cases_of(manifest)]


@dataclass
class FakeContext:
    """An `sdk.Context` over a folder and a script."""

    folder: Path
    script: Script
    project: Mapping[str, Any]
    settings: Mapping[str, Any]
    moment: datetime
    idempotency_key: str = "run_1/step"
    lines: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def path(self, file: sdk.File) -> Path:
        return self.folder / file["sha256"]

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> sdk.File:
        data = content if isinstance(content, bytes) else content.read()
        sha256 = hashlib.sha256(data).hexdigest()
        (self.folder / sha256).write_bytes(data)
        return {"name": name, "size": len(data), "media_type": media_type, "sha256": sha256}

    def log(self, message: str, **facts: Any) -> None:
        self.lines.append(f"{message} {facts}")

    def call(self, method: str, url: str, **how: Any) -> sdk.Reply:
        return invoke.call_out(self.script, method, url, **how)


def run(case: Case, folder: Path) -> None:
    """Run one case; an AssertionError says what was not as it should be."""
    script = Script(list(case.data.get("answers", [])))
    try:
        shown = _result(case, script, folder)
    except (Failure, verify.Refused) as failed:
        _assert_failed(case, failed)
        shown = str(failed) + str(getattr(failed, "detail", ""))
    else:
        told = [key for key in ("error", "refused") if key in case.data]
        assert not told, f"{case.label} should not have worked, but gave {shown}"
        assert_fits(case.data["expect"], shown, case.label)
    _assert_calls(case, script)
    for secret in values.secret_values(case.manifest.settings, case.data.get("settings", {})):
        assert secret not in str(shown), f"{case.label} shows the secret {secret}"


def _result(case: Case, script: Script, folder: Path) -> Any:
    if "callback" in case.data:
        return _callback(case)
    project = {"country": "GB", "locale": "en-GB", "timezone": "Europe/London"}
    project |= case.data.get("project", {})
    settings = settings_of(case)
    context = FakeContext(folder, script, project, settings, now_of(case))
    if "send" in case.data:
        address = case.data.get("callback_url", "")
        key = context.idempotency_key
        sent = invoke.send_sms(case.manifest, settings, case.data["send"], script, callback_url=address, idempotency_key=key, context=context)  # fmt: skip
        shown = {name: getattr(sent, name) for name in sent.__slots__}
        return {**shown, "gateway_ids": list(sent.gateway_ids)}
    if "ask" in case.data:
        told = invoke.ask_status(case.manifest, settings, case.data["ask"], script, context=context)
        return None if told is None else examples.shown(told)["report"]
    inputs = _stored(case.data.get("inputs", {}), case, context)
    trigger = CATALOGUE.trigger(case.data["trigger"]) if "trigger" in case.data else None
    if trigger is not None:
        return values.prepare(trigger.inputs, inputs)
    action = CATALOGUE.action(case.data["action"])
    assert action is not None, f"{case.label} names no action"
    prepared = values.prepare(action.inputs, inputs, country=project["country"])
    if action.engine is not None:
        return prepared
    result = invoke.perform(action, prepared, context, script)
    json.dumps(result)
    return result


def settings_of(case: Case) -> dict[str, Any]:
    """The case's settings as a connection's: checked, with defaults; none where the case has none."""
    if "settings" not in case.data:
        return {}
    return values.prepare(case.manifest.settings, case.data["settings"])


def request_of(case: Case) -> IncomingRequest:
    """The callback of a case, signed where it says so."""
    return examples.request_of(case.manifest, case.data)


def _callback(case: Case) -> list[dict[str, Any]]:
    settings, request = settings_of(case), request_of(case)
    verify.check(case.manifest, settings, request, public_url_of(request), to_ms(now_of(case)))
    found = callbacks.read(case.manifest, settings, request)
    status, kind, body = callbacks.reply(case.manifest, found)
    assert 200 <= status < 300
    said = {"status": status, "content_type": kind, "body": body}
    assert_fits(case.data.get("reply", {}), said, case.label)
    return [examples.shown(one) for one in found]


def now_of(case: Case) -> datetime:
    """The moment at which a case happens."""
    return datetime.fromisoformat(case.data["now"]) if "now" in case.data else NOW


def _stored(value: Any, case: Case, context: FakeContext) -> Any:
    if isinstance(value, str) and value.startswith("file:"):
        path = case.manifest.folder / value.removeprefix("file:")
        kind = _KINDS.get(path.suffix, "application/octet-stream")
        return context.save(path.name, path.read_bytes(), kind)
    if isinstance(value, dict):
        return {key: _stored(inner, case, context) for key, inner in value.items()}
    if isinstance(value, list):
        return [_stored(inner, case, context) for inner in value]
    return value


def _assert_failed(case: Case, failed: Failure | verify.Refused) -> None:
    if isinstance(failed, verify.Refused):
        wanted = case.data.get("refused")
        assert wanted is not None, f"{case.label} was refused: {failed.reason}"
        assert wanted in failed.reason, f"{case.label} says: {failed.reason}"
        return
    error = case.data.get("error")
    assert error is not None, f"{case.label} failed ({failed.code}): {failed}"
    assert failed.code == error["code"], f"{case.label} failed with {failed.code}: {failed}"
    assert error.get("message", "") in str(failed), f"{case.label} says: {failed}"
    if "retry_after" in error:
        assert failed.retry_after == error["retry_after"], case.label


def _assert_calls(case: Case, script: Script) -> None:
    if "calls" in case.data:
        assert len(script.calls) == len(case.data["calls"]), f"{case.label}: {script.calls}"
        for wanted, call in zip(case.data["calls"], script.calls, strict=True):
            assert_fits(wanted, _as_written(call, wanted), case.label)
    assert not script.left, f"{case.label} leaves answers unused: {script.left}"


def _as_written(call: Call, wanted: Mapping[str, Any]) -> dict[str, Any]:
    text = (call.body or b"").decode()
    body: Any = text
    if not isinstance(wanted.get("body", ""), str):
        kind = {name.lower(): value for name, value in call.headers.items()}.get("content-type", "")
        body = dict(parse_qsl(text)) if "form" in kind else json.loads(text)
    headers = {name.lower(): value for name, value in call.headers.items()}
    return {"method": call.method, "url": call.url, "headers": headers, "body": body}


def assert_fits(wanted: Any, got: Any, label: str) -> None:
    """What is wanted is there: of dicts only the keys named, of lists every entry."""
    if isinstance(wanted, Mapping):
        assert isinstance(got, Mapping), f"{label}: {got!r} should hold {dict(wanted)}"
        for key, inner in wanted.items():
            assert key in got, f"{label}: there is no {key} in {dict(got)}"
            assert_fits(inner, got[key], f"{label}, {key}")
    elif isinstance(wanted, list):
        assert isinstance(got, list), f"{label}: {got!r} should be a list"
        assert len(got) == len(wanted), f"{label}: {got!r} should be {wanted!r}"
        for index, (inner, one) in enumerate(zip(wanted, got, strict=True)):
            assert_fits(inner, one, f"{label}, {index}")
    else:
        assert got == wanted, f"{label}: {got!r} should be {wanted!r}"
