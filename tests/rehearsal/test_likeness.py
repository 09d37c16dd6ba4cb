"""New values look like the recorded ones, and say the same when they are read."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.connectors import timestamps
from ringback.rehearsal.likeness import id_like, phone_like, time_like

AT = 1_782_657_012_345

TIMES: list[tuple[Any, str | None, str | None, Any]] = [
    ("2026-06-28T14:30:00Z", None, None, "2026-06-28T14:30:12Z"),
    ("2026-06-28T14:30:00.123Z", None, None, "2026-06-28T14:30:12.345Z"),
    ("2026-06-28T14:30:00+02:00", None, None, "2026-06-28T14:30:12+00:00"),
    ("2026-06-28T14:30:00+0200", None, None, "2026-06-28T14:30:12+0000"),
    ("2026-06-28 14:30:00", None, None, "2026-06-28 14:30:12"),
    ("2026-06-28 14:30:00", None, "Europe/Berlin", "2026-06-28 16:30:12"),
    (1678886400, None, None, 1782657012),
    ("1678886400", None, None, "1782657012"),
    (1678886400123, None, None, AT),
    ("Sun, 28 Jun 2026 14:30:00 +0000", None, None, "Sun, 28 Jun 2026 14:30:12 +0000"),
    ("20260628143000", None, None, "20260628143012"),
    ("2606281430", "compact_short", None, "2606281430"),
    ("", "epoch_s", None, "1782657012"),
    ("", None, None, "2026-06-28T14:30:12Z"),
]


@pytest.mark.parametrize(("example", "form", "zone", "expected"), TIMES)
def test_a_time_in_the_recorded_style(
    example: Any, form: str | None, zone: str | None, expected: Any
) -> None:
    assert time_like(example, AT, form, zone) == expected


@pytest.mark.parametrize(("example", "form", "zone", "_expected"), TIMES)
@given(at=st.integers(1_000_000_000_000, 4_000_000_000_000))
def test_a_time_is_read_back_within_its_minute(
    example: Any, form: str | None, zone: str | None, _expected: Any, at: int
) -> None:
    read = timestamps.parse(time_like(example, at, form, zone), form, zone)
    assert read is not None
    # An hour that the clocks go back over is there twice; a time without a zone cannot say which it is.
    assert 0 <= (at - read) % 3_600_000 < 60_000


@pytest.mark.parametrize(
    ("example", "pattern"),
    [
        ("msg_987654321", r"msg_\d{15}"),
        ("SM-12", r"SM-\d{15}"),
        (None, r"msg_\d{15}"),
        (62807347, r"\d{15}"),
        ("8f14e45f-ceea-467f-9a4f-1d2b3c4d5e6f", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ],
)
def test_an_id_in_the_recorded_style(example: Any, pattern: str) -> None:
    made = id_like(example, Random(1))
    assert re.fullmatch(pattern, str(made))
    assert isinstance(made, int) == isinstance(example, int)
    assert made == id_like(example, Random(1))


@pytest.mark.parametrize(
    ("example", "expected"),
    [("+447700900001", "+447700900077"), ("447700900001", "447700900077"), (447700900001, 447700900077), (None, "+447700900077")],
)  # fmt: skip
def test_a_number_with_its_plus_or_without(example: Any, expected: Any) -> None:
    assert phone_like(example, "+447700900077") == expected
