"""Passwords: which are taken, and how they are kept (argon2id)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ringback.problems import Failure

SHORTEST, LONGEST = 12, 256
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
"""OWASP's recommendation for argon2id (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html,
read 2026-11-21). Raise them and each password is hashed anew the next time it is given."""
AT_ONCE = 2
"""Passwords that are verified at the same time; each takes `MEMORY_KIB` and a processor."""
WAITING = 6
"""Sign-ins that may wait for that, each on a thread of the server. More are told to come back."""
_LONGEST_WAIT_S = 3.0
_GUESSES = 10**8
"""A password that zxcvbn says takes fewer guesses is too common: its own mark for “somewhat guessable”."""

_HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def check_new(password: str, name: str) -> None:
    """Whether a password may be set for an account. Raises `Failure("invalid_input")` saying why not.

    What it is made of does not matter; how common it is does (NIST SP 800-63B, 3.1.1.2).
    """
    if len(password) < SHORTEST:
        raise _refused(f"The password is shorter than {SHORTEST} characters.", "Take a few words that do not belong together.")  # fmt: skip
    if len(password) > LONGEST:
        raise _refused(f"The password is longer than {LONGEST} characters.", "Take a shorter one.")
    from zxcvbn import zxcvbn  # slow to load, and seldom needed

    # zxcvbn's work grows with the square of the length; what follows can only make it harder to guess.
    found = zxcvbn(password[:72], user_inputs=[name, *name.replace("@", ".").split("."), "ringback"])  # fmt: skip
    if found["guesses"] < _GUESSES:
        said = str(found["feedback"]["warning"]).rstrip(".") or "It is too easy to guess"
        raise _refused(f"That password is among the first to be tried. {said}.", "Take a few words that do not belong together.")  # fmt: skip


def hash_password(password: str) -> str:
    """What is kept of a password."""
    return _looking.submit(_HASHER.hash, _plain(password)).result()


def verify(kept: str | None, password: str) -> bool:
    """Whether it is the password; None, for an account that there is not, takes as long and is always wrong."""
    try:
        _looking.submit(_HASHER.verify, kept or _nobody(), _plain(password)).result()
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether a password was hashed with other parameters than are used now."""
    return _HASHER.check_needs_rehash(kept)


@contextmanager
def turn() -> Iterator[None]:
    """A place among those who may verify a password now, so that nobody takes all memory and processors by trying.

    Raises `Failure("throttled")` when too many wait.
    """
    if not _places.acquire(blocking=False):
        raise _busy()
    try:
        if not _verifying.acquire(timeout=_LONGEST_WAIT_S):
            raise _busy()
        try:
            yield
        finally:
            _verifying.release()
    finally:
        _places.release()


# The C library keeps what a thread has used: on the server's many threads that came to 19 MiB each.
_looking = ThreadPoolExecutor(AT_ONCE, "ringback-passwords")
_verifying = threading.BoundedSemaphore(AT_ONCE)
_places = threading.BoundedSemaphore(AT_ONCE + WAITING)


@cache
def _nobody() -> str:
    return hash_password("nobody has this password")


def _plain(password: str) -> str:
    """One spelling of a password however a keyboard composes its letters (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password[: LONGEST * 4])


def _busy() -> Failure:
    return Failure("throttled", "Too many sign-ins are being looked at right now.", "Try again in a few seconds.", retry_after=2)  # fmt: skip


def _refused(message: str, next_step: str) -> Failure:
    return Failure("invalid_input", message, next_step, "password")
