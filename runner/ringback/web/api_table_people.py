"""The API's operations on the people texted: contacts and conversations, one row each."""

from __future__ import annotations

from ringback.web import api_contacts
from ringback.web.operations import CSV, CURSOR, LIMIT, Operation, Param, Schema
from ringback.web.schemas import CONTACT_SAYS, page, ref

_CONNECTION = Param(
    "connection", "Only messages through this connection.", {"type": "string"}, "front-desk"
)
_SAYS: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": CONTACT_SAYS,
}
_CHANGES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **CONTACT_SAYS,
        "attributes": {
            **CONTACT_SAYS["attributes"],
            "description": "Attributes to change, by name; null takes one away, the others stay.",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        },
    },
}
_KEEPS = (
    "An opt-out is never undone by what is left out: only `opted_out: false` lets them be texted again. "
    "The first time and source of an opt-out stay."
)
KEEP_OPTOUT = Param(
    "keep_optout",
    "Whether an opt-out stays as a bare fact (number, time, source), so that they are not texted again.",
    {"type": "boolean", "default": True},
    True,
)


def _yes_or_no(name: str, description: str) -> Param:
    return Param(name, description, {"type": "boolean"}, True)


PEOPLE: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/contacts",
        "listContacts",
        "List contacts",
        "Contacts in order of their numbers, perhaps those with a tag, opted out, or that cannot be texted.",
        api_contacts.list_contacts,
        page("contacts", "Contact"),
        scope="contacts:read",
        query=(
            Param("tag", "Only those with this tag.", {"type": "string"}, "parents"),
            _yes_or_no("opted_out", "Only those who want no texts; false: only those who may be."),
            _yes_or_no("invalid", "Only those that cannot be texted; false: only the others."),
            CURSOR,
            LIMIT,
        ),
    ),
    Operation(
        "GET",
        "/contacts/{number}",
        "showContact",
        "Show a contact",
        "What is known of one number.",
        api_contacts.show_contact,
        ref("Contact"),
        scope="contacts:read",
        missing="contact",
    ),
    Operation(
        "PUT",
        "/contacts/{number}",
        "putContact",
        "Write a contact",
        "Say of a number its name, tags and attributes; of those, what is left out is empty. "
        + _KEEPS,
        api_contacts.put_contact,
        ref("Contact"),
        scope="contacts:write",
        body=_SAYS,
        example={"name": "Amina Yusuf", "tags": ["parents"], "attributes": {"class": "3B"}},
    ),
    Operation(
        "PATCH",
        "/contacts/{number}",
        "patchContact",
        "Change a contact",
        "Change what is said; the rest stays. A number that is not known becomes a contact. "
        + _KEEPS,
        api_contacts.patch_contact,
        ref("Contact"),
        scope="contacts:write",
        body=_CHANGES,
        example={"opted_out": True, "opted_out_source": "by phone, 3 March"},
    ),
    Operation(
        "DELETE",
        "/contacts/{number}",
        "deleteContact",
        "Delete a contact",
        "Forget what is known of a number beside its messages. An opt-out stays unless you say otherwise.",
        api_contacts.delete_contact,
        {
            "type": "object",
            "required": ["number", "kept_optout"],
            "properties": {
                "number": {"type": "string", "description": "The number."},
                "kept_optout": {
                    "type": "boolean",
                    "description": "Whether its opt-out was kept as a bare fact.",
                },
            },
        },
        scope="contacts:write",
        query=(KEEP_OPTOUT,),
        missing="contact",
    ),
    Operation(
        "GET",
        "/contacts.csv",
        "exportContacts",
        "Export contacts",
        "All contacts as CSV, each attribute of any of them a column.",
        api_contacts.export_contacts,
        {"type": "string"},
        scope="contacts:read",
        gives=CSV,
    ),
    Operation(
        "POST",
        "/contacts.csv",
        "importContacts",
        "Import contacts",
        "Take contacts from CSV: the first line names the columns, `number` is one, those not known are attributes; "
        "tags are separated by semicolons. Where a line is wrong all such lines are told and nothing is taken. "
        "Nobody who has opted out is opted in.",
        api_contacts.import_contacts,
        ref("Import"),
        scope="contacts:write",
        query=(
            Param(
                "dry_run",
                "Say what would be taken, and take nothing.",
                {"type": "boolean", "default": False},
                True,
            ),
        ),
        takes=CSV,
        example="number,name,tags\r\n+447700900077,Amina Yusuf,parents;year 3\r\n",
    ),
    Operation(
        "GET",
        "/conversations/{number}",
        "showConversation",
        "Show a conversation",
        "What was said with one phone, both ways, oldest first: the newest page, and with `cursor` the one before it.",
        api_contacts.show_conversation,
        {
            "type": "object",
            "required": ["number", "messages", "next"],
            "properties": {
                "number": {"type": "string", "description": "The phone, as the journal has it."},
                "messages": {
                    "type": "array",
                    "items": ref("Message"),
                    "description": "What was said.",
                },
                "next": {
                    "type": ["string", "null"],
                    "description": "Give this as `cursor` for what was said before; null at the beginning.",
                },
            },
        },
        scope="messages:read",
        query=(_CONNECTION, CURSOR, LIMIT),
    ),
)
