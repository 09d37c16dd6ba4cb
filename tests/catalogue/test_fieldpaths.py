from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.connectors.fieldpaths import parse, parse_pick, parse_when, put, read

SOURCES = {
    "body": {"data": [{"id": 7}], "a.b": {"c": 1}, "message-id": "m", "empty": "", "none": None, "no": False},
    "query": {"price[amount]": "0.07", "to": "1"},
    "headers": {"x-event-type": "sent"},
    "form": {"From": "+1"},
    "text": "0: Accepted",
    "status": 202,
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("body.data[0].id", 7),
        ('body["a.b"].c', 1),
        ("body['a.b']['c']", 1),
        ("body.message-id", "m"),
        ('query["price[amount]"]', "0.07"),
        ("headers.X-Event-Type", "sent"),
        ("form.From", "+1"),
        ("text", "0: Accepted"),
        ("status", 202),
        ("body.data[1].id", None),
        ("body.data.id", None),
        ("body.missing.deeper", None),
        ("body[0]", None),
        ("body.no", False),
    ],
)
def test_a_path_is_read(path: str, found: Any) -> None:
    assert read(parse(path), SOURCES) == found


@pytest.mark.parametrize("path", ["", "nowhere.id", "body.", "body[", "body[x]", "body..a", "body.a b", "body-x", "{{ body }}"])  # fmt: skip
def test_what_is_no_path_is_said(path: str) -> None:
    with pytest.raises(ValueError, match="“"):
        parse(path)


def test_the_first_present_and_not_empty_counts() -> None:
    assert (
        parse_pick(["body.none", "body.empty", "body.message-id", "query.to"]).read(SOURCES) == "m"
    )
    assert parse_pick(["body.none", "body.no"]).read(SOURCES) is False
    assert parse_pick("body.none").read(SOURCES) is None
    timed = parse_pick(
        {"path": ["body.x", "query.to"], "format": "epoch_s", "zone": "Europe/London"}
    )
    assert (timed.read(SOURCES), timed.format, timed.zone) == ("1", "epoch_s", "Europe/London")


@pytest.mark.parametrize("written", [None, [], [1], {"format": "iso"}])
def test_what_is_no_pick_is_said(written: Any) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_pick(written)


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        (None, True),
        ({"body.message-id": "M "}, True),
        ({"body.message-id": "x"}, False),
        ({"body.message-id": "present", "query.from": "absent"}, True),
        ({"body.none": "present"}, False),
        ({"body.empty": "present"}, True),
        ({"status": [200, 202]}, True),
        ({"body.no": False}, True),
        ({"body.no": "false"}, True),
        ({"body.message-id": "m", "status": 500}, False),
        ([{"status": 500}, {"headers.x-event-type": ["sent", "failed"]}], True),
        ([{"status": 500}, {"body.x": "present"}], False),
        ({"body.x": ["present"]}, False),
    ],
)
def test_conditions(written: Any, holds: bool) -> None:
    assert parse_when(written).holds(SOURCES) is holds


@given(
    st.lists(
        st.one_of(st.integers(0, 4), st.text(min_size=1).filter(lambda t: '"' not in t)), max_size=6
    )
)
def test_what_is_put_is_read_back(parts: list[str | int]) -> None:
    text = "body" + "".join(f"[{p}]" if isinstance(p, int) else f'["{p}"]' for p in parts)
    path, sources = parse(text), dict[str, Any]()
    put(path, sources, "here")
    assert read(path, sources) == "here"
