from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.connectors.timestamps import parse

CASES = [
    ("2026-06-28T14:30:00Z", None, None, "2026-06-28T14:30:00"),
    ("2024-06-22T15:46:11.000+07:00", None, None, "2024-06-22T08:46:11"),
    ("2019-11-09T16:00:00.000+0000", None, None, "2019-11-09T16:00:00"),
    ("2026-06-28T14:30:00.123456789Z", None, None, "2026-06-28T14:30:00.123"),
    ("2022-03-01 13:00:00", None, None, "2022-03-01T13:00:00"),
    ("2022-03-01 13:00:00 UTC", None, "Europe/Paris", "2022-03-01T13:00:00"),
    ("2022-07-01 13:00:00", None, "Europe/Paris", "2022-07-01T11:00:00"),
    ("2026-06-28", None, None, "2026-06-28T00:00:00"),
    (1678886400, None, None, "2023-03-15T13:20:00"),
    ("1678886400", None, None, "2023-03-15T13:20:00"),
    (1678886400.5, None, None, "2023-03-15T13:20:00.500"),
    (1678886400123, None, None, "2023-03-15T13:20:00.123"),
    ("1678886400123456", None, None, "2023-03-15T13:20:00.123"),
    ("1678886400123456789", None, None, "2023-03-15T13:20:00.123"),
    ("2024-08-21 12:58:51.123456", None, None, "2024-08-21T12:58:51.123"),
    ("20260628143000", None, None, "2026-06-28T14:30:00"),
    ("202606281430", None, None, "2026-06-28T14:30:00"),
    ("2606281430", "compact_short", None, "2026-06-28T14:30:00"),
    ("260628143005", "compact_short", "Europe/London", "2026-06-28T13:30:05"),
    ("20260628", "compact", None, "2026-06-28T00:00:00"),
    ("Sun, 28 Jun 2026 14:30:00 +0000", None, None, "2026-06-28T14:30:00"),
    ("Sun, 28 Jun 2026 16:30:00 +0200", "rfc2822", None, "2026-06-28T14:30:00"),
    ("86400", "epoch_s", None, "1970-01-02T00:00:00"),
    ("86400000", "epoch_ms", None, "1970-01-02T00:00:00"),
]


@pytest.mark.parametrize(("value", "form", "zone", "moment"), CASES)
def test_a_moment_is_read(value: Any, form: str | None, zone: str | None, moment: str) -> None:
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert parse(value, form, zone) == round(expected.timestamp() * 1000)


@pytest.mark.parametrize("value", [None, "", "soon", True, "12", 99, "2026-13-45", {}, [], "Sun, 99", "99999999999999", "1e9"])  # fmt: skip
def test_what_is_no_moment_is_none(value: Any) -> None:
    assert parse(value) is None


@given(st.one_of(st.text(), st.integers(), st.floats()), st.sampled_from([None, "iso", "epoch_s", "epoch_ms", "rfc2822", "compact", "compact_short"]))  # fmt: skip
def test_nothing_a_gateway_writes_breaks_it(value: Any, form: str | None) -> None:
    assert isinstance(parse(value, form), int | None)
