"""The API's operations on everything about one number, one row each."""

from __future__ import annotations

from typing import Any

from ringback.web import api_privacy
from ringback.web.operations import ZIP, Operation, Schema
from ringback.web.schemas import ref

_NUMBER: Schema = {
    "type": "string",
    "minLength": 3,
    "maxLength": 40,
    "description": "The phone number, in international form or as one dials it in the project's country.",
    "examples": ["+447700900077"],
}
_THOROUGH: Schema = {
    "type": "boolean",
    "default": False,
    "description": "Look at every row and file, which takes minutes in a large journal; else only at what hangs on the number's messages.",
}


def _body(**more: Schema) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["number"],
        "additionalProperties": False,
        "properties": {"number": _NUMBER, "thorough": _THOROUGH, **more},
    }


PRIVACY: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/privacy/find",
        "findNumber",
        "Find a number",
        "What there is about one number, and where. Nothing is changed.",
        api_privacy.find,
        ref("Found"),
        scope="privacy:write",
        body=_body(),
        example={"number": "+447700900077"},
    ),
    Operation(
        "POST",
        "/privacy/export",
        "exportNumber",
        "Export a number",
        "Everything about one number as a zip: index.html to read, data.json for programs, and the files that came.",
        api_privacy.export,
        {"type": "string", "contentMediaType": "application/zip"},
        scope="privacy:write",
        body=_body(),
        example={"number": "+447700900077"},
        gives=ZIP,
    ),
    Operation(
        "POST",
        "/privacy/erase",
        "eraseNumber",
        "Erase a number",
        "Erase everything about one number: texts, names, documents, answers. Ids, states, times and costs stay, so that "
        "statistics stay true. It cannot be taken back.",
        api_privacy.erase,
        ref("Erased"),
        scope="privacy:write",
        body=_body(
            keep_optout={
                "type": "boolean",
                "default": True,
                "description": "Whether an opt-out stays as a bare fact (number, time, source), so that they are not texted again.",
            },
            cancel={
                "type": "boolean",
                "default": False,
                "description": "Cancel runs about the number that have not finished; without it they are in the way.",
            },
        ),
        example={"number": "+447700900077", "cancel": True},
        others={409: "Runs about the number have not finished; `cancel` ends them first."},
    ),
)
