"""A small catalogue: enough of connectors to check workflows against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FakeField:
    type: str = "any"
    title: str = ""
    description: str = ""
    example: Any = None
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    items: FakeField | None = None
    properties: Mapping[str, FakeField] = field(default_factory=dict)
    additional: FakeField | None = None
    schema: Mapping[str, Any] | None = None
    template: bool = True


@dataclass(frozen=True)
class FakeConnector:
    id: str
    name: str = ""
    kind: str = "core"
    settings: Mapping[str, FakeField] = field(default_factory=dict)


@dataclass(frozen=True)
class FakeUsable:
    full: str
    connector: FakeConnector
    inputs: Mapping[str, FakeField] = field(default_factory=dict)
    outputs: Mapping[str, FakeField] = field(default_factory=dict)
    outputs_from: str | None = None
    title: str = ""
    description: str = ""
    implements: str | None = None
    engine: str | None = None
    source: str = ""


@dataclass(frozen=True)
class FakeCatalogue:
    connectors: Mapping[str, FakeConnector]
    actions: Mapping[str, FakeUsable]
    triggers: Mapping[str, FakeUsable]

    def action(self, full: str, /) -> FakeUsable | None:
        return self.actions.get(full)

    def trigger(self, full: str, /) -> FakeUsable | None:
        return self.triggers.get(full)


F = FakeField
CORE = FakeConnector("core")
GATEWAY = FakeConnector(
    "mysmsgate",
    "MySMSGate",
    "sms-gateway",
    {
        "api_key": F("secret", required=True),
        "base_url": F("url", default="https://mysmsgate.example"),
    },
)
MAIL = FakeConnector("email", settings={"host": F("text", required=True), "port": F("integer")})
SENT = {name: F("text") for name in ("id", "to", "text", "status")}

ACTIONS = [
    FakeUsable(
        "sms.send",
        CORE,
        {
            "to": F(
                "phone", required=True, description="The number", example="{{ agreement.phone }}"
            ),
            "text": F("text", required=True, description="The words."),
            "template": F("text"),
            "send_through": F("any"),
        },
        SENT,
        engine="send_message",
    ),
    FakeUsable(
        "sms.wait_for_delivery",
        CORE,
        {
            "message": F("message", required=True),
            "timeout": F("duration", default="15 minutes"),
            "until": F("choice", choices=("delivered", "sent")),
        },
        {"status": F("text"), "delivered": F("boolean")},
    ),
    FakeUsable(
        "document.extract",
        CORE,
        {"file": F("file", required=True), "fields": F("object", required=True)},
        {"found": F("object")},
        outputs_from="fields",
    ),
    FakeUsable("flow.wait", CORE, {"for": F("duration"), "until": F("time")}),
    FakeUsable("flow.call", CORE, {"workflow": F("workflow", required=True), "wait": F("boolean")}),
    FakeUsable("data.set", CORE, {"*": F("any")}, outputs_from="*"),
    FakeUsable(
        "email.send",
        MAIL,
        {
            "connection": F("connection"),
            "to": F("email", required=True),
            "attachments": F("list", items=F("file")),
            "size": F("size"),
            "day": F("date"),
            "count": F("integer"),
            "page": F("url"),
            "auth": F("object", properties={"user": F("text", required=True)}),
            "when": F("text", schema={"type": "string", "pattern": "^[a-z]+$"}),
        },
    ),
]
TRIGGERS = [
    FakeUsable(
        "webhook.received",
        CORE,
        {
            "path": F("text", required=True),
            "files": F("object", additional=F("object"), template=False),
            "dedupe": F("text", template=False),
            "auth": F("object", template=False),
            "respond": F("any", template=False),
            "body_schema": F("object", template=False),
        },
        {
            "body": F("any"),
            "headers": F("object"),
            "files": F("object", additional=F("file")),
            "file": F("file"),
        },
        source="webhook",
    ),
    FakeUsable("manual", CORE, outputs={}, outputs_from="*", source="manual"),
    FakeUsable(
        "schedule.cron",
        CORE,
        {"cron": F("text", required=True), "timezone": F("text")},
        {"planned_at": F("time")},
        source="schedule",
    ),
    FakeUsable("sms.received", CORE, {}, {"from": F("phone"), "text": F("text")}, source="inbound"),
]
CATALOGUE = FakeCatalogue(
    {one.id: one for one in (CORE, GATEWAY, MAIL)},
    {one.full: one for one in ACTIONS},
    {one.full: one for one in TRIGGERS},
)
