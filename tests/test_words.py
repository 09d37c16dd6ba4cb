from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback import words


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("15 minutes", 900_000),
        ("1 hour and 30 minutes", 5_400_000),
        ("2h30m", 9_000_000),
        ("1 day, 2 hours", 93_600_000),
        ("0", 0),
        ("1.5 hours", 5_400_000),
        ("250 ms", 250),
    ],
)
def test_duration(said: str, expected: int) -> None:
    assert words.duration_ms(said) == expected


@pytest.mark.parametrize(
    "said", ["15", "soon", "", "5 parsecs", "minutes 5", "5 minutes ago", "99999 weeks"]
)
def test_what_is_no_duration_is_refused_with_a_sentence(said: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        words.duration_ms(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("5 MB", 5_000_000), ("500KB", 500_000), ("1 GiB", 1_073_741_824), ("0 b", 0)],
)
def test_size(said: str, expected: int) -> None:
    assert words.size_bytes(said) == expected


@pytest.mark.parametrize("said", ["5", "big", "", "5 MB 3 KB"])
def test_what_is_no_size_is_refused_with_a_sentence(said: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        words.size_bytes(said)


@given(st.integers(min_value=1000, max_value=10 * 365 * 86_400_000))
def test_a_duration_said_and_read_back_is_never_longer_and_loses_less_than_its_second_unit(
    milliseconds: int,
) -> None:
    read = words.duration_ms(words.say_duration(milliseconds))
    assert read <= milliseconds
    assert milliseconds - read < max(604_800_000 * (milliseconds >= 604_800_000), 86_400_000)


@pytest.mark.parametrize(
    ("size", "said"),
    [(4_100_000, "4.1 MB"), (512, "512 bytes"), (1, "1 byte"), (1_000_000_000, "1 GB")],
)
def test_say_size(size: int, said: str) -> None:
    assert words.say_size(size) == said
