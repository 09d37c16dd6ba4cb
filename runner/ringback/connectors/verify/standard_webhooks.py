"""`standard_webhooks`: the common scheme of https://www.standardwebhooks.com (Svix speaks it as `svix-…`).

Headers webhook-id, webhook-timestamp (epoch seconds) and webhook-signature, a list of `v1,<base64>` separated by
spaces; HMAC-SHA256 over `id.timestamp.body`, the key being the base64 after `whsec_`, whose padding may be missing.
Options: secret (one or several), header_prefix (`webhook`), tolerance (5 minutes).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.verify.ages import check_age, tolerance_ms
from ringback.connectors.verify.refused import Refused, secrets_of


def configured(options: Mapping[str, Any]) -> bool:
    """A secret is given."""
    return bool(secrets_of(options))


def check(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> None:
    """Raise `Refused` unless one `v1` signature is one of a live secret; other versions are passed over."""
    names = [f"{_prefix(options)}-{part}" for part in ("id", "timestamp", "signature")]
    missing = [name for name in names if not request.headers.get(name)]
    if missing:
        raise Refused(f"The callback has no {' and no '.join(missing)} header.", "no_proof")
    own_id, timestamp, signatures = (request.headers[name] for name in names)
    check_age(timestamp, f"{names[1]} header", tolerance_ms(options), now_ms)
    given = [one.partition(",")[2] for one in signatures.split() if one.startswith("v1,")]
    good = False
    for secret in secrets_of(options):
        expected = _digest(secret, own_id, timestamp, request.body)
        for one in given:
            good |= hmac.compare_digest(expected.encode(), one.encode())
    if not good:
        raise Refused(f"No signature in {names[2]} is one that a secret of this connection makes.")


def sign(options: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> IncomingRequest:
    """The request with the three headers."""
    prefix, own_id, timestamp = _prefix(options), f"msg_{now_ms}", str(now_ms // 1000)
    digest = _digest(secrets_of(options)[0], own_id, timestamp, request.body)
    added = {"id": own_id, "timestamp": timestamp, "signature": f"v1,{digest}"}
    headers = {f"{prefix}-{name}": value for name, value in added.items()}
    return replace(request, headers={**request.headers, **headers})


def _prefix(options: Mapping[str, Any]) -> str:
    return str(options.get("header_prefix") or "webhook").lower()


def _digest(secret: str, own_id: str, timestamp: str, body: bytes) -> str:
    bare = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise Refused("A Standard Webhooks secret is not base64 after its whsec_.") from None
    hashed = hmac.new(key, f"{own_id}.{timestamp}.".encode(), "sha256")
    hashed.update(body)
    return base64.b64encode(hashed.digest()).decode()
