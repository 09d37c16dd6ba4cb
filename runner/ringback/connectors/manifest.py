"""A connector's manifest as the program sees it. `reading.py` makes one from a connector.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ringback.connectors import references
from ringback.connectors.fieldpaths import ALWAYS, Pick, When

Effect = Literal["none", "repeatable", "once"]
Kind = Literal["core", "sms-gateway", "service"]
FieldType = Literal[
    "text", "number", "integer", "boolean", "duration", "size", "phone", "email", "date", "time",
    "url", "file", "message", "list", "object", "any", "secret", "choice", "workflow", "connection",
]  # fmt: skip
Origin = Literal["built-in", "package", "project"]
TriggerSource = Literal["webhook", "schedule", "inbound", "report", "failure", "manual"]

KINDS: tuple[str, ...] = get_args(Kind)
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)
SOURCES: tuple[str, ...] = get_args(TriggerSource)
FREE = "*"
"""The input name under which a manifest describes keys that it cannot know."""

STATUSES = (
    "accepted", "queued", "sent", "delivered", "undelivered", "failed", "expired", "rejected", "canceled", "unknown",
)  # fmt: skip
"""What can be known of a message; every gateway's own words are translated into these."""

TERMINAL = frozenset({"delivered", "undelivered", "failed", "expired", "rejected", "canceled"})
"""After one of these nothing more is expected of a message."""


@dataclass(frozen=True, slots=True)
class Field:
    """One input, output or setting.

    `default` None means that there is none. `schema` is raw JSON Schema and wins over the rest.
    `template` False: the text is taken as it is written, templates in it are not filled in.
    """

    type: FieldType = "any"
    title: str = ""
    description: str = ""
    example: Any = None
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    items: Field | None = None
    properties: Mapping[str, Field] = field(default_factory=dict)
    additional: Field | None = None
    schema: Mapping[str, Any] | None = None
    template: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A declarative HTTP request; every text may hold plain references. At most one body is set.

    `auth` has one key: `bearer`, `basic`, `header`, or `python`, which names the file that signs.
    """

    method: str
    url: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    auth: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, Any] | None = None
    body: str | None = None
    timeout_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One row of an error table: which answers it is for, the `Failure` code, what an operator reads."""

    code: str
    http: frozenset[int] = frozenset()
    when: When = ALWAYS
    message: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """How an answer is read. `ok` holds besides a 2xx status; `reason` is where the other side says why.

    `at`, `error_code` and `detail` are for answers that say what became of a message (`sms.status`).
    """

    ok: When = ALWAYS
    id: Pick | None = None
    status: Pick | None = None
    statuses: Mapping[str, str] = field(default_factory=dict)
    segments: Pick | None = None
    cost: Pick | None = None
    at: Pick | None = None
    error_code: Pick | None = None
    detail: Pick | None = None
    reason: Pick | None = None
    retry_after: Pick | None = None
    outputs: Mapping[str, Pick] = field(default_factory=dict)
    errors: tuple[ErrorRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """One shape of a delivery report. `each` names a list of which every entry is one report (`item.…`).

    `errors` says what the gateway's error codes mean; `parts`: each part of a long message is reported by itself.
    """

    when: When
    each: Pick | None
    id: Pick | None
    reference: Pick | None
    to: Pick | None
    status: Pick | None
    statuses: Mapping[str, str]
    at: Pick | None
    error_code: Pick | None
    detail: Pick | None
    refunded: Pick | None
    cost: Pick | None
    segments: Pick | None
    sequence: Pick | None
    key: Pick | None
    errors: tuple[ErrorRow, ...] = ()
    parts: bool = False


@dataclass(frozen=True, slots=True)
class MediaSpec:
    """Where the files of an incoming message are named: their addresses (or content, in base64) and what each is said to be.

    `auth` is for fetching them from `hosts`, the gateway's own, and for no other.
    """

    url: Pick | None
    content_type: Pick | None = None
    data: Pick | None = None
    name: Pick | None = None
    auth: Mapping[str, Any] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartSpec:
    """How the parts of a long message that come in one by one say that they belong together."""

    reference: Pick
    number: Pick
    total: Pick


@dataclass(frozen=True, slots=True)
class InboundSpec:
    """One shape of an incoming message. `opt_out` holds where the gateway itself took it as one."""

    when: When
    each: Pick | None
    id: Pick | None
    sender: Pick | None
    to: Pick | None
    text: Pick | None
    at: Pick | None
    key: Pick | None
    media: MediaSpec | None = None
    parts: PartSpec | None = None
    opt_out: When | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """A handshake: when a callback is one, and the address by which it is confirmed."""

    when: When
    url: Pick


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway is answered once its callback is kept."""

    status: int = 200
    content_type: str = "application/json"
    body: str = '{"status":"success"}'


@dataclass(frozen=True, slots=True)
class Callbacks:
    """How callbacks are verified, read and answered. `raw` is the block as written: the rehearsal plays it backwards.

    `replies` is by kind (`report`, `inbound`, `ping`), where one differs from `reply`.
    """

    verify: tuple[Mapping[str, Any], ...]
    report: tuple[ReportSpec, ...]
    inbound: tuple[InboundSpec, ...]
    ping: When | None
    reply: Reply
    raw: Mapping[str, Any]
    replies: Mapping[str, Reply] = field(default_factory=dict)
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True)
class EffectBy:
    """An effect that depends on an input: `by` names it, `table` is by its value, upper-cased.

    Where one of the inputs `repeatable_with` is given, repeating does no harm: the effect is repeatable.
    """

    by: str
    table: Mapping[str, Effect]
    otherwise: Effect
    repeatable_with: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Action:
    """One thing a step can use. Exactly one of `python`, `request` and `engine` is set.

    `idempotent`: the other side drops a second request with the same `context.idempotency_key`, so that a
    `once` effect may be repeated under it.
    """

    full: str
    name: str
    connector: Manifest = field(repr=False)
    title: str
    description: str
    effect: Effect | EffectBy
    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field]
    outputs_from: str | None = None
    implements: str | None = None
    python: str | None = None
    request: Request | None = None
    response: Response | None = None
    engine: str | None = None
    idempotent: bool = False

    def effect_for(self, inputs: Mapping[str, Any]) -> Effect:
        """The effect of one call with these inputs; they need not be prepared."""
        effect = self.effect
        if not isinstance(effect, EffectBy):
            return effect
        if any(inputs.get(name) for name in effect.repeatable_with):
            return "repeatable"
        value = inputs.get(effect.by)
        if value is None:
            given = self.inputs.get(effect.by)
            value = given.default if given else None
        return effect.table.get(str(value).upper(), effect.otherwise)


@dataclass(frozen=True, eq=False)
class Trigger:
    """One thing that starts a run."""

    full: str
    name: str
    connector: Manifest = field(repr=False)
    title: str
    description: str
    source: TriggerSource
    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field]
    outputs_from: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """How a gateway charges: `per` is `segment`, `message` or `unknown`."""

    per: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class Manifest:
    """One connector. `file` is the manifest's path as shown to people, `origin` where it came from.

    `lacks` says what the gateway does not offer (report, inbound, poll, …), and how that is known.
    """

    id: str
    name: str
    kind: Kind
    description: str
    docs: str
    icon: str
    setup: tuple[str, ...]
    settings: Mapping[str, Field]
    actions: Mapping[str, Action]
    triggers: Mapping[str, Trigger]
    callbacks: Callbacks | None
    folder: Path
    file: str
    origin: Origin = "built-in"
    price: Price | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)

    def steps(self, callback_url: str) -> list[str]:
        """What to do at the service's side, with the address that its callbacks go to."""
        more = callback_url + ("&" if "?" in callback_url else "?")
        scope = {"callback_url": callback_url, "callback_url_more": more}
        return [str(references.fill(step, scope) or "") for step in self.setup]

    def implementing(self, role: str) -> Action | None:
        """The connector's action of a role (`sms.send`), if it has one."""
        return next((one for one in self.actions.values() if one.implements == role), None)
