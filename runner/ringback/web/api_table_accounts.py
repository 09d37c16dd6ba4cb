"""The API's operations on accounts, tokens and kept secrets, one row each."""

from __future__ import annotations

from typing import Any

from ringback.access import roles, vault
from ringback.web import api_accounts, api_secrets
from ringback.web.operations import Operation, Schema
from ringback.web.schemas import ref

_ROLE: Schema = {"enum": list(roles.ROLES), "description": "What the account may do."}
_PASSWORD: Schema = {
    "type": "string",
    "maxLength": 1024,
    "format": "password",
    "description": "A password of at least 12 characters that is not among the first to be tried.",
}
_NO_LAST = "It is the last owner who can sign in."
_BUSY = {429: "Too many passwords are being looked at right now."}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties,
    }


def _listed(name: str, items: str) -> dict[str, Any]:
    entries = {"type": "array", "items": ref(items), "description": "In order of names."}
    return {"type": "object", "required": [name], "properties": {name: entries}}


def _gone(word: str, description: str, **more: Schema) -> dict[str, Any]:
    properties = {word: {"type": "string", "description": description}, **more}
    return {"type": "object", "required": [*properties], "properties": properties}


ACCOUNTS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/accounts",
        "listAccounts",
        "List accounts",
        "Everybody who may sign in, or might again.",
        api_accounts.list_accounts,
        _listed("accounts", "Account"),
        scope="accounts:write",
    ),
    Operation(
        "POST",
        "/accounts",
        "addAccount",
        "Add an account",
        "Somebody more who may sign in. Nobody gives a role with more scopes than they have.",
        api_accounts.add_account,
        ref("Account"),
        scope="accounts:write",
        status=201,
        body=_object(
            ("name", "role", "password"),
            name={
                "type": "string",
                "maxLength": 400,
                "description": "An e-mail address, or a word without spaces and slashes, of at most 100 characters.",
            },
            role=_ROLE,
            password=_PASSWORD,
        ),
        example={
            "name": "tom@school.example",
            "role": "operator",
            "password": "four words of your own",
        },
        others={409: "There is an account of this name.", **_BUSY},
    ),
    Operation(
        "PATCH",
        "/accounts/{account}",
        "changeAccount",
        "Change an account",
        "Give an account another role, from its next request on; or switch it off, which ends its sessions and tokens, or on again. Nobody gives a role with more scopes than they have, or changes an account that has more.",
        api_accounts.change_account,
        ref("Account"),
        scope="accounts:write",
        body={
            **_object(
                role=_ROLE,
                enabled={"type": "boolean", "description": "Whether it may sign in."},
            ),
            "minProperties": 1,
        },
        example={"role": "editor"},
        missing="account",
        others={409: _NO_LAST},
    ),
    Operation(
        "PUT",
        "/accounts/{account}/password",
        "resetPassword",
        "Reset a password",
        "Give somebody else a new password, which ends their sessions and tokens. Nobody does so for an account that has more scopes than they have.",
        api_accounts.reset_password,
        ref("Account"),
        scope="accounts:write",
        body=_object(("password",), password=_PASSWORD),
        example={"password": "four words of your own"},
        missing="account",
        others={
            409: "It is the caller's own account: `PUT /me/password` asks for the password that it has.",
            **_BUSY,
        },
    ),
    Operation(
        "DELETE",
        "/accounts/{account}",
        "removeAccount",
        "Remove an account",
        "An account goes with its sessions and tokens; the audit trail keeps its name.",
        api_accounts.remove_account,
        _gone("removed", "The account."),
        scope="accounts:write",
        missing="account",
        others={409: _NO_LAST},
    ),
    Operation(
        "GET",
        "/tokens",
        "listTokens",
        "List tokens",
        "Tokens of programs: what each may do, until when, and when it was last used.",
        api_accounts.list_tokens,
        _listed("tokens", "Token"),
        scope=roles.OWN,
    ),
    Operation(
        "POST",
        "/tokens",
        "createToken",
        "Create a token",
        "A token for a program, shown this once. It has no scope that its maker has not. Made by an account it belongs to it: it never may more than the account's role at the time, and ends when the account is switched off, removed or given another password. Made with a token that ends, it ends no later.",
        api_accounts.create_token,
        ref("NewToken"),
        scope=roles.OWN,
        status=201,
        body=_object(
            ("name", "scopes", "expires_at"),
            name={
                "type": "string",
                "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                "description": "What it is for: letters, digits, dots and dashes.",
            },
            scopes={
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"enum": list(roles.SCOPES)},
                "description": "What it may do.",
            },
            expires_at={
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": 253_402_300_799_000,
                "description": "When it ends, in milliseconds since the epoch; null for never.",
            },
        ),
        example={
            "name": "ci",
            "scopes": ["runs:read", "messages:send"],
            "expires_at": 1790433000000,
        },
        others={409: "There is a token of this name."},
    ),
    Operation(
        "DELETE",
        "/tokens/{token}",
        "revokeToken",
        "Revoke a token",
        "A token counts no more, at once.",
        api_accounts.revoke_token,
        _gone("revoked", "The token's name."),
        scope=roles.OWN,
        missing="token",
    ),
    Operation(
        "GET",
        "/secrets",
        "listSecrets",
        "List secrets",
        "The secrets that are kept: names, who set them and when. No operation gives a value.",
        api_secrets.list_secrets,
        {
            "type": "object",
            "required": ["secrets", "missing"],
            "properties": {
                **_listed("secrets", "Secret")["properties"],
                "missing": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Names that ringback.yaml refers to and that are not kept.",
                },
            },
        },
        scope="connections:write",
    ),
    Operation(
        "PUT",
        "/secrets/{secret}",
        "setSecret",
        "Set a secret",
        "Keep a secret, over what its name held, for `${secret:NAME}` in ringback.yaml. Processes take it up at their next start.",
        api_secrets.set_secret,
        ref("Secret"),
        scope="connections:write",
        body=_object(
            ("value",),
            value={
                "type": "string",
                "minLength": 1,
                "maxLength": vault.LONGEST,
                "format": "password",
                "description": "The secret itself, which is not shown again.",
            },
        ),
        others={409: "There is no key to lock it with on this machine."},
    ),
    Operation(
        "DELETE",
        "/secrets/{secret}",
        "removeSecret",
        "Remove a secret",
        "A secret goes. Where ringback.yaml refers to it, Ringback does not start without it.",
        api_secrets.remove_secret,
        _gone(
            "removed",
            "The secret's name.",
            used={"type": "boolean", "description": "Whether ringback.yaml refers to it."},
        ),
        scope="connections:write",
        missing="secret",
    ),
)
