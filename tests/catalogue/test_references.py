from __future__ import annotations

from typing import Any

import pytest

from ringback.connectors.references import beyond, fill, names

SCOPE = {"settings": {"key": "k", "number": 5, "empty": "", "yes": True}, "message": {"to": "+44", "media": ["a", "b"]}}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("{{ settings.key }}", "k"),
        ("{{settings.number}}", 5),
        ("Key {{ settings.key }}-{{ settings.number }}", "Key k-5"),
        ("{{ settings.yes }}!", "true!"),
        ("x{{ settings.missing }}y", "xy"),
        ({"a": "{{ message.to }}", "b": "{{ message.sender }}", "c": "{{ settings.empty }}"}, {"a": "+44"}),
        (["{{ message.to }}", "{{ message.nobody }}"], ["+44"]),
        ({"media": "{{ message.media }}", "fixed": 0, "none": None}, {"media": ["a", "b"], "fixed": 0, "none": None}),
        ("{{ message.nobody }}", None),
        ("plain", "plain"),
        ({"{{ settings.key }}_id": "{{ message.to }}", "{{ settings.missing }}": 1}, {"k_id": "+44"}),
    ],
)  # fmt: skip
def test_references_are_filled(written: Any, filled: Any) -> None:
    assert fill(written, SCOPE) == filled


def test_a_value_is_never_read_as_a_reference() -> None:
    scope = {"settings": {"key": "k"}, "message": {"text": "{{ settings.key }}"}}
    assert fill("{{ message.text }}", scope) == "{{ settings.key }}"
    assert fill("Said: {{ message.text }}", scope) == "Said: {{ settings.key }}"


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("{{ settings.key }}", None),
        ("{{ settings.key | upper }}", "{{ settings.key | upper }}"),
        ("a {{ 1 + 1 }}", "{{ 1 + 1 }}"),
        ("{% if x %}", "{%"),
        ("{{ open", "{{ open"),
        ("{}", None),
    ],
)
def test_more_than_a_name_is_found(text: str, more: str | None) -> None:
    assert beyond(text) == more


def test_names() -> None:
    assert list(names("{{ a.b }}/{{ callback_url }}")) == [("a", "b"), ("callback_url",)]
