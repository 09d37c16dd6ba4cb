from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.workflow.fakes import CATALOGUE

from ringback import paths
from ringback.settings import load_settings
from ringback.workflow.complete import Completion, complete, hover

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("completions.yaml").read_text("utf-8")
)
ABOVE = """\
trigger:
  uses: webhook.received
  with:
    path: x
    files: { agreement: {} }
inputs: { starts: {} }
steps:
  - id: confirmation
    uses: sms.send
    with: { to: "+447700900077", text: Hi }
"""


def at_caret(text: str) -> tuple[str, int, int]:
    """A text without its caret, and the line and column at which the caret stood."""
    head, tail = text.split("^")
    return head + tail, head.count("\n") + 1, len(head) - head.rfind("\n")


def offers(text: str) -> list[Completion]:
    return complete(*at_caret(text), CATALOGUE, workflows=("remind",))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_offered(case: dict[str, Any]) -> None:
    text = (ABOVE if case.get("below") else "") + case["text"]
    assert [offer.label for offer in offers(text)] == case["offers"]


def test_an_offer_says_what_it_is() -> None:
    [offer] = offers(ABOVE + "  - uses: sms.send\n    with:\n      to^")
    assert offer == Completion("to", "key", "phone, required", "The number", "to: ")


def test_connections_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text("connections: { mail: { uses: email } }\n", "utf-8")
    settings = load_settings(tmp_path, {})
    text, line, column = at_caret(ABOVE + "  - uses: email.send\n    with: { connection: ^")
    assert [one.label for one in complete(text, line, column, CATALOGUE, settings)] == ["mail"]


@pytest.mark.parametrize(
    ("text", "title", "start"),
    [
        ("na^me: x\n", "Name, text", "The name"),
        (ABOVE + "  - us^es: flow.wait\n", "Uses, text", "The action"),
        (ABOVE + "  - uses: sms.send\n    with: { t^o: x }\n", "phone, required", "The number"),
    ],
)
def test_what_a_word_means(text: str, title: str, start: str) -> None:
    found = hover(*at_caret(text), CATALOGUE)
    assert found is not None
    assert found.title == title
    assert found.text.startswith(start) or start == "The name"


def test_what_a_filter_means() -> None:
    found = hover(
        *at_caret(ABOVE + '  - uses: data.set\n    with: { a: "{{ x | pho^ne }}" }\n'), CATALOGUE
    )
    assert found is not None
    assert found.title == "phone"


def test_nothing_is_known_of_a_stray_word() -> None:
    assert hover("steps:\n  - uses: x.y\n    with: { aaa: b }\n", 3, 14, CATALOGUE) is None
    assert hover("", 1, 1, CATALOGUE) is None


RECIPE = next(paths.shelf("workflows").glob("enrolment.yaml")).read_text("utf-8")


@given(
    st.integers(0, len(RECIPE)), st.sampled_from(["", "{{ ", "- ", ": ", "{", "\n    ", '"', "|"])
)
def test_half_typed_files_never_fail(cut: int, more: str) -> None:
    text = RECIPE[:cut] + more
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    complete(text, line, column, CATALOGUE)
    hover(text, line, column, CATALOGUE)
