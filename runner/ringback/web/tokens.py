"""The API's bearer tokens."""

from __future__ import annotations

from collections.abc import Mapping

from ringback.settings import Settings
from ringback.web.errors import Refusal
from ringback.web.hook_auth import bearer_token, refuse, same


def check_token(settings: Settings, headers: Mapping[str, str]) -> None:
    """Let a request with one of the project's API tokens through. Raises `Refusal` 401 or 403."""
    if not settings.api_tokens:
        raise Refusal(
            403,
            "api_closed",
            "The API is closed: this project has no API token.",
            "Set one under `api: tokens:` in ringback.yaml and start again.",
            "/api/v1",
        )
    if not same(bearer_token(headers.get("authorization", "")), settings.api_tokens):
        raise refuse(
            "/api/v1",
            "The API token is missing or wrong.",
            "Send it as Authorization: Bearer <token>.",
            "Bearer",
        )
