"""JSON as the journal keeps it: text that every database takes and every reader can parse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_plainly = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
load = json.loads


def _encoder() -> Callable[[Any], str]:
    """`_plainly.encode` without making its C part anew at every call, which takes longer than a small value does."""
    make = getattr(json.encoder, "c_make_encoder", None)
    quoted = getattr(json.encoder, "c_encode_basestring", None)
    if make is None or quoted is None:
        return _plainly.encode
    pieces = make(None, _plainly.default, quoted, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


_encode = _encoder()


def read(text: str) -> Any:
    """JSON from outside. Half a surrogate pair, which JSON can say and no file can hold, becomes U+FFFD.

    Raises ValueError or RecursionError for what is no JSON.
    """
    value = load(text)
    if "\\u" in text and not _sound(value):
        value = load(dump(value))
    return value


def dump(value: Any) -> str:
    """The value as compact JSON.

    What JSON and UTF-8 cannot say is kept as near as they can: NaN and the infinities become text, half a
    surrogate pair becomes U+FFFD. Raises TypeError for a value that is not JSON-able.
    """
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(_finite(value))
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def dump_or_none(value: Any) -> str | None:
    """`dump`, and None for None: an empty column, not the JSON word `null`."""
    return None if value is None else dump(value)


def load_or_none(text: str | None) -> Any:
    """The value of a column that may be empty."""
    return None if text is None else load(text)


def _sound(value: Any) -> bool:
    try:
        _encode(value).encode()
    except ValueError:
        return False
    return True


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
