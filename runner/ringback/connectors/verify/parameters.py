"""`parameters`: a signature that is itself a parameter, over all the others.

The parameters (of the body's form or JSON object, else of the query) are sorted by name and written as
`&name=value`, with `_` in place of each & and = in a value; the signature is hex of any case. Of a name that
occurs again the first counts, as it does for who reads the callback.

Options: secret (one or several), parameter (`sig`), algorithm (md5hash: plain MD5 of the text and then the secret,
else HMAC by md5, sha1, sha256, sha512), timestamp_parameter (`timestamp`, in epoch seconds; an empty text where
there is none), tolerance (5 minutes).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from ringback.connectors.incoming import IncomingRequest, first_of_each
from ringback.connectors.verify.ages import check_age, tolerance_ms
from ringback.connectors.verify.pieces import is_form, pairs_of, query_of
from ringback.connectors.verify.refused import Refused, secrets_of

ALGORITHMS = ("md5hash", "md5", "sha1", "sha256", "sha512")


def configured(options: Mapping[str, Any]) -> bool:
    """A secret is given."""
    return bool(secrets_of(options))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless the signature among the parameters is one of a live secret."""
    values = _parameters(request)
    name = _named(options)
    carried = str(values.pop(name, "") or "")
    if not carried:
        raise Refused(
            f"The callback has no parameter {name}, which should carry its signature.", "no_proof"
        )
    moment = _timestamp(options)
    if moment:
        written = str(values.get(moment, ""))
        check_age(written, f"{moment} parameter", tolerance_ms(options), now_ms)
    good = False
    for secret in secrets_of(options):
        expected = _digest(options, secret, values).encode()
        good |= hmac.compare_digest(expected, carried.lower().encode("utf-8", "surrogatepass"))
    if not good:
        raise Refused(
            f"The signature in the parameter {name} is not one that a secret of this connection makes "
            f"({_algorithm(options)}) over the other parameters."
        )


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The request with its timestamp and its signature among the parameters."""
    values = _parameters(request)
    values.pop(_named(options), None)
    if _timestamp(options):
        values[_timestamp(options)] = str(now_ms // 1000)
    values[_named(options)] = _digest(options, secrets_of(options)[0], values)
    if not request.body:
        url = f"{request.url.partition('?')[0]}?{urlencode(values, errors='surrogateescape')}"
        return replace(request, url=url, query=list(values.items()))
    if is_form(request):
        body = urlencode(values, errors="surrogateescape").encode()
    else:
        body = json.dumps(values).encode()
    return replace(request, body=body)


def _parameters(request: IncomingRequest) -> dict[str, Any]:
    """What is signed: the body's, and a query's only where there is no body that nothing would cover."""
    if not request.body:
        return first_of_each(query_of(request.url))
    text = bytes(request.body).decode("utf-8", "surrogateescape")
    if is_form(request):
        return first_of_each(pairs_of(text))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused("The callback's body holds no parameters that a signature could cover.")
    return found


def _named(options: Mapping[str, Any]) -> str:
    return str(options.get("parameter") or "sig")


def _timestamp(options: Mapping[str, Any]) -> str:
    given = options.get("timestamp_parameter")
    return "timestamp" if given is None else str(given)


def _algorithm(options: Mapping[str, Any]) -> str:
    name = str(options.get("algorithm") or "md5hash").lower()
    if name not in ALGORITHMS:
        raise Refused(f"The signature algorithm {name} is not one of {', '.join(ALGORITHMS)}.")
    return name


def _digest(options: Mapping[str, Any], secret: str, values: Mapping[str, Any]) -> str:
    signed = "".join(f"&{name}={_plain(values[name])}" for name in sorted(values))
    data = signed.encode("utf-8", "surrogatepass")
    algorithm = _algorithm(options)
    if algorithm == "md5hash":
        return hashlib.md5(data + secret.encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), data, algorithm).hexdigest()


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("&", "_").replace("=", "_")
