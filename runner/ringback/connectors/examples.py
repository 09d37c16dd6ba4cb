"""A gateway's recorded examples, read and run: what a send, a question or a callback of its comes to.

connectors/README.md says how they are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from ringback import sdk, yamltext
from ringback.clock import from_ms, to_ms
from ringback.connectors import callbacks, invoke, values, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Ping, Report, incoming
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure

Case = Mapping[str, Any]
ADDRESS = "https://ringback.example"
NOW = datetime(2026, 6, 28, 14, 30, 5, tzinfo=UTC)
"""The moment of a case that does not name one."""
KINDS = ("send", "ask", "callback")


@lru_cache(maxsize=64)
def cases(folder: Path) -> tuple[Case, ...]:
    """Every recorded case of a connector's folder, in the order of its files."""
    return tuple(_read(folder / "examples"))


def _read(examples: Path) -> Iterator[Case]:
    for path in sorted(examples.glob("*")):
        if path.suffix == ".json":
            data = json.loads(path.read_text("utf-8"))
        elif path.suffix in (".yaml", ".yml"):
            data = yamltext.read(path.read_text("utf-8"), path.name).data
        else:
            continue
        listed = data.get("cases", [data]) if isinstance(data, Mapping) else data
        yield from (case for case in listed or [] if isinstance(case, Mapping))


@dataclass(frozen=True)
class Ran:
    """What a case came to: `gave` is written as its `expect` is; `found` is what a callback said.

    `wrong` says in a sentence what is not as the case expects; empty where it passes.
    """

    case: Case
    kind: str
    gave: Any = None
    found: tuple[Report | Inbound | Ping, ...] = ()
    error: Failure | verify.Refused | None = None
    wrong: str = ""


def run(manifest: Manifest, case: Case) -> Ran | None:
    """Run one case of a gateway; None for a case that is not a gateway's. Nothing leaves the machine."""
    kind = next((one for one in KINDS if one in case), None)
    if kind is None:
        return None
    found: tuple[Report | Inbound | Ping, ...] = ()
    try:
        settings = settings_of(manifest, case)
        if kind == "callback":
            request = request_of(manifest, case)
            verify.check(manifest, settings, request, public_url_of(request), now_ms_of(case))
            found = tuple(callbacks.read(manifest, settings, request))
            gave: Any = [shown(one) for one in found]
        else:
            gave = _called(manifest, settings, case)
    except (Failure, verify.Refused) as failed:
        return Ran(case, kind, error=failed, wrong=_wrong_failure(case, failed))
    if "expect" not in case:
        return Ran(case, kind, gave, found, wrong="It should have been refused.")
    return Ran(case, kind, gave, found, wrong=misfit(case["expect"], gave))


def settings_of(manifest: Manifest, case: Case) -> dict[str, Any]:
    """The case's settings as a connection's, checked and with defaults."""
    return values.prepare(manifest.settings, case.get("settings", {}))


def now_ms_of(case: Case) -> int:
    """The moment at which a case happens."""
    return to_ms(datetime.fromisoformat(case["now"]) if "now" in case else NOW)


def request_of(manifest: Manifest, case: Case) -> IncomingRequest:
    """The callback of a case, signed where it says so."""
    written = case["callback"]
    query = f"?{written['query']}" if written.get("query") else ""
    body = written.get("text", written.get("body", ""))
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    address = written.get("url", f"{ADDRESS}/callbacks/front-desk{query}")
    method, headers = written.get("method", "POST"), written.get("headers", {})
    request = incoming(method, address, headers, content)
    if case.get("sign"):
        return verify.sign(manifest, settings_of(manifest, case), request, now_ms_of(case))
    return request


def public_url_of(request: IncomingRequest) -> str:
    """The `public_url` under which a case's callback arrives."""
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}"


def misfit(wanted: Any, got: Any, place: str = "it") -> str:
    """What is not as wanted, in a sentence: of dicts the keys named count, of lists every entry; empty if all fits."""
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        lacking = [key for key in wanted if key not in got]
        if lacking:
            return f"{place} has no {lacking[0]}."
        parts = [misfit(one, got[key], f"{place}.{key}") for key, one in wanted.items()]
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        pairs = enumerate(zip(wanted, got, strict=True))
        parts = [misfit(one, other, f"{place}[{index}]") for index, (one, other) in pairs]
    else:
        return "" if wanted == got else f"{place} is {got!r}, not {wanted!r}."
    return next(filter(None, parts), "")


def _wrong_failure(case: Case, failed: Failure | verify.Refused) -> str:
    if isinstance(failed, verify.Refused):
        told = case.get("refused")
        return "" if told and told in failed.reason else f"It was refused: {failed.reason}"
    wanted = case.get("error", {})
    same = failed.code == wanted.get("code") and wanted.get("message", "") in str(failed)
    return "" if same else f"It failed with {failed.code}: {failed}"


def _called(manifest: Manifest, settings: Mapping[str, Any], case: Case) -> Any:
    script = Script(list(case.get("answers", [])))
    context = _Context(script, settings, from_ms(now_ms_of(case)))
    if "ask" in case:
        told = invoke.ask_status(manifest, settings, case["ask"], script, context=context)
        return None if told is None else shown(told)["report"]
    sent = invoke.send_sms(
        manifest,
        settings,
        case["send"],
        script,
        callback_url=case.get("callback_url", ""),
        idempotency_key=context.idempotency_key,
        context=context,
    )
    result = {name: getattr(sent, name) for name in sent.__slots__}
    return {**result, "gateway_ids": list(sent.gateway_ids)}


def shown(one: Report | Inbound | Ping) -> dict[str, Any]:
    """What a callback said, as `expect` writes it."""
    said = asdict(one)
    if isinstance(one, Inbound):
        said["media"] = [
            {key: value for key, value in file.items() if value or key in ("url", "content_type")}
            for file in said["media"]
        ]
    at_ms = said.pop("at_ms", None)
    said["at"] = from_ms(at_ms).strftime("%Y-%m-%dT%H:%M:%SZ") if at_ms is not None else None
    return {type(one).__name__.lower(): said}


@dataclass
class Script:
    """A `Sender` that gives the answers of a case in order and keeps the calls."""

    left: list[Mapping[str, Any]]
    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        if not self.left:
            raise Failure("internal", f"The case has no answer for {call.method} {call.url}.")
        written = self.left.pop(0)
        if "failure" in written:
            raise Failure(written["failure"], "The call failed, as the case says.")
        headers = {name.lower(): str(value) for name, value in written.get("headers", {}).items()}
        body = written.get("body", "")
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if not isinstance(body, str):
            headers.setdefault("content-type", "application/json")
        return Answer(written.get("status", 200), headers, content, call.url)


@dataclass
class _Context:
    """An `sdk.Context` for gateways whose send, or whose signature, is Python."""

    script: Script
    settings: Mapping[str, Any]
    moment: datetime
    project: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = "run_1/step"

    def now(self) -> datetime:
        return self.moment

    def path(self, file: sdk.File) -> Path:
        raise Failure("not_found", f"A gateway's example has no file {file['name']}.")

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> sdk.File:  # noqa: ARG002
        raise Failure("internal", f"A gateway's example stores no file {name}.")

    def log(self, message: str, **facts: Any) -> None:
        """Nobody reads an example's log."""

    def call(self, method: str, url: str, **how: Any) -> sdk.Reply:
        return invoke.call_out(self.script, method, url, **how)
