"""The question after an account (`account.check`), from the gateway's side: it tells whether credentials are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ringback.connectors import references
from ringback.connectors.fieldpaths import put
from ringback.connectors.manifest import Action
from ringback.connectors.transport import Answer, Call
from ringback.rehearsal import backwards, recorded


def told(action: Action, settings: Mapping[str, Any], call: Call) -> Answer | None:
    """The answer to a call that asks after the account of these settings; None when it is a call to something else.

    As with a send, the path alone decides whether it is one; then credentials are compared.
    """
    request = action.request
    if request is None or call.method.upper() != request.method.upper():
        return None
    bare = backwards.without_origin(request.url)
    wanted = str(references.fill(bare, {"settings": settings})).partition("?")[0]
    if not unquote(urlsplit(call.url).path).endswith(wanted):
        return None
    if not backwards.authorised(request.auth, settings, call):
        return _recorded(action, "unauthorized") or backwards.answer(401, {})
    return _recorded(action) or _made_up(action)


def _recorded(action: Action, code: str = "") -> Answer | None:
    example = recorded.given(action, code)
    if example is None:
        return None
    headers = dict(example.get("headers") or {})
    return backwards.answer(int(example.get("status", 200)), example.get("body"), headers)


def _made_up(action: Action) -> Answer:
    """Of a gateway without a recorded answer: what the manifest gives as examples of the outputs."""
    sources: dict[str, Any] = {"body": {}, "headers": {}}
    for name, pick in (action.response.outputs if action.response else {}).items():
        put(pick.paths[0], sources, action.outputs[name].example)
    return backwards.answer(200, sources["body"], sources["headers"])
