from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.expressions import evaluate, plainly, render, syntax_problem
from ringback.expressions.render import _compiled
from ringback.problems import Failure

SCOPE: dict[str, Any] = {
    "agreement": {
        "name": "Amina",
        "phone": "+447700900077",
        "items": [1, 2],
        "blank": None,
        "ok": True,
    },
    "project": {"country": "GB"},
    "now": datetime(2026, 9, 1, 9, 30, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ agreement.phone }}", "+447700900077"),
        (" {{ agreement['items'] }}\n", [1, 2]),
        ("{{ agreement.items }}", [1, 2]),
        ("{{ agreement.ok }}", True),
        ("{{ agreement.blank }}", None),
        ("Hi {{ agreement.name }}!", "Hi Amina!"),
        ("{{ agreement.name }}{{ agreement.blank }}.", "Amina."),
        ("ok: {{ agreement.ok }}, {{ agreement.items }}", "ok: true, [1, 2]"),
        ("{{ 1 + 1 }}", 2),
        ("{{ '07700 900077' | phone }}", "+447700900077"),
        ("{{ now | date('%A %d %B') }}", "Tuesday 01 September"),
        ("{{ 1234.5 | money('£') }}", "£1,234.50"),
        ("{{ agreement.middle | default('-') }}{{ agreement.blank | default('?') }}", "-?"),
        ("{{ agreement.middle.initial | default('-') }}{{ nobody['x'].y | default('?') }}", "-?"),
        ("{{ agreement.items | map('string') | list }}", ["1", "2"]),
        ("{{ agreement.items | join(', ') }}", "1, 2"),
        ("{% for n in agreement.items %}{{ loop.index }}:{{ n }} {% endfor %}", "1:1 2:2 "),
        ("{{ 'It’s “fine”…' | plain }}", 'It\'s "fine"...'),
        ("no braces", "no braces"),
        ({"a": ["{{ agreement.name }}", 3]}, {"a": ["Amina", 3]}),
    ],
)
def test_render(text: Any, expected: Any) -> None:
    assert render(text, SCOPE) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{{ agrement.name }}",
            "`agrement` is not known in “{{ agrement.name }}”. Did you mean `agreement`?",
        ),
        (
            "Hi {{ agreement.nme }}",
            "There is no `nme` in what “Hi {{ agreement.nme }}” reads. Did you mean `name`?",
        ),
        ("{{ agreement.blank.x }}", "asks for `x` of something that is empty."),
        ("{{ agreement.name.x }}", "asks for `x` of the text “Amina”."),
        ("{{ agreement.name | upr }}", "`upr` is not a filter. Did you mean `upper`?"),
        ("{{ 1 / 0 }}", "could not be worked out: division by zero."),
        ("{{ 'nobody' | phone }}", "“nobody” is not a phone number of GB."),
        ("{{ a = b }}", "one `=` stands where two values are compared; write `==`."),
        ("{{ a b }}", "cannot be read: expected token"),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(Failure) as raised:
        render(text, SCOPE)
    assert raised.value.code == "template"
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ agreement.items.append(3) }}",
        "{{ agreement.update({}) }}",
        "{{ agreement.name.format(1) }}",
        "{{ agreement.name.format_map({}) }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ agreement.name.center(10**9) }}",
        "{{ agreement | attr('__class__') }}",
        "{{ 'a' * 10**9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 2 ** 9999999 }}",
        "{{ ('a' * 90000).replace('a', 'b' * 90000) }}",
        "{{ ('a' * 90000) | replace('a', 'b' * 90000) }}",
        "{{ range(999999999) | list }}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% macro x() %}{{ x() }}{% endmacro %}{{ x() }}",
        "{% include 'x' %}",
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    ],
)
def test_the_sandbox_holds(attack: str) -> None:
    started = time.monotonic()
    with pytest.raises(Failure):
        render(attack, SCOPE)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("text", ["agreement.name == 'Amina'", "{{ agreement.name == 'Amina' }}"])
def test_a_condition_is_written_with_or_without_braces(text: str) -> None:
    assert evaluate(text, SCOPE) is True


def _said(text: str) -> str:
    try:
        render(text, {})
    except Failure as failure:
        return failure.message
    return "It rendered."


@given(st.text(max_size=40))
def test_any_text_renders_or_fails_with_a_sentence(text: str) -> None:
    assert _said(text).endswith((".", "?"))


@given(st.text(alphabet="{}%# ab.|'()", max_size=30))
def test_what_syntax_problem_passes_never_fails_for_its_syntax(text: str) -> None:
    if syntax_problem(text) is None:
        assert "cannot be read" not in _said(text)


@given(st.from_regex(r"\+44\d{10}", fullmatch=True))
def test_a_number_in_a_text_keeps_its_plus(number: str) -> None:
    assert render("{{ n }}", {"n": number}) == number
    assert render("{{ n }} ", {"n": number}) == number


ODD: dict[str, Any] = {
    "a": {"b": {"c": "d", "items": 1, "é": 2}, "list": [1, {"b": 2}], "none": None, "yes": True},
    "range": 5,
    "text": "words",
    "pair": (1, 2),
    "deep": {"pair": (1, (2,))},
    "now": datetime(2026, 9, 1, 9, 30, tzinfo=UTC),
}


def outcome(text: str) -> Any:
    try:
        return render(text, ODD)
    except Failure as failure:
        return failure.as_json()


@pytest.mark.parametrize(
    "path",
    [
        "a", "a.b", "a.b.c", "a.b.items", "a.b.keys", "a.b.é", "a.x", "a.x.y", "a.list", "a.list.b", "a.none", "a.none.x",
        "a.yes", "range", "text", "text.upper", "pair", "deep", "deep.pair", "now", "now.year", "nothing", "nothing.at.all",
        "self.x", "loop", "namespace", "true", "none",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", " {}\n", "<{}>", "{}{{{{ text }}}}", "{{# note #}}{}"])
def test_plain_names_mean_what_they_mean_to_jinja(
    path: str, around: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = around.format("{{ " + path + " }}")
    _compiled.cache_clear()
    made = outcome(text)
    monkeypatch.setattr(plainly, "look_up", lambda *_: plainly.ELSEWHERE)
    assert made == outcome(text)
    assert type(made) is type(outcome(text))
