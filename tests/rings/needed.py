"""What a ring does where its service is absent: it skips with a plain reason, and fails where rings are required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Leave the test: a failure under `RINGBACK_RINGS=required`, as in CI, else a skip."""
    if os.environ.get("RINGBACK_RINGS") == "required":
        pytest.fail(f"{reason} (RINGBACK_RINGS=required)", pytrace=False)
    pytest.skip(reason)
