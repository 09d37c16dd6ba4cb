"""Proof that whoever answers at an address is a process of this project.

A holder's id is known to the process and to the journal, and is shown nowhere; 80 bits of it are random.
"""

from __future__ import annotations

import hmac
import re

NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


def proof(holder: str, nonce: str) -> str:
    """What the process with this holder's id answers to a nonce: 64 hexadecimal digits."""
    return hmac.new(holder.encode(), f"ringback {nonce}".encode(), "sha256").hexdigest()


def proven_by(holders: list[str], nonce: str, answer: str) -> str | None:
    """The holder that gave this answer, if it is one of these."""
    return next(
        (one for one in holders if hmac.compare_digest(proof(one, nonce), answer)),
        None,
    )
