"""A WSGI request's headers and public address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

_AMBIENT = {name: text for name, text in os.environ.items() if name.startswith("HTTP_")}
"""CGI's spelling of headers is also that of environment variables such as HTTP_PROXY, and the server lays
a request's over the process's: one that is still the process's own was not sent by anybody."""


def env_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The request's headers, names in lower case, values as text."""
    made: dict[str, str] = {}
    for name, text in environ.items():
        if name.startswith("HTTP_"):
            if name in _AMBIENT and _AMBIENT[name] == text:
                continue
            made[name[5:].replace("_", "-").lower()] = text
    if environ.get("CONTENT_TYPE"):
        made["content-type"] = environ["CONTENT_TYPE"]
    if environ.get("CONTENT_LENGTH"):
        made["content-length"] = environ["CONTENT_LENGTH"]
    return made
