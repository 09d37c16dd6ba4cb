"""Steps that look contacts up and change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.bench import NUMBER, Project, workflow

from ringback.journal import contacts

Open = Callable[..., Project]


def step(uses: str, **with_: Any) -> dict[str, Any]:
    return {"id": "c", "uses": uses, "with": {"number": "07700 900077", **with_}}


def kept(it: Project) -> contacts.Contact | None:
    with it.runtime.journal.read() as conn:
        return contacts.get_contact(conn, NUMBER)


def test_a_number_of_which_nothing_is_kept(project: Open) -> None:
    it = project(w=workflow([step("contacts.get")]))
    run = it.run("w")
    output = it.steps(run.id)["c"].output
    assert (output["number"], output["known"], output["tags"]) == (NUMBER, False, [])
    assert kept(it) is None


def test_what_is_not_named_stays(project: Open) -> None:
    it = project(
        a=workflow(
            [step("contacts.update", name="Amina", attributes={"language": "es", "plan": 1})]
        ),
        b=workflow([step("contacts.update", attributes={"plan": "", "seat": "4"})]),
        c=workflow([step("contacts.tag", add=["new", "vip", "vip"])]),
        d=workflow([step("contacts.tag", add=["old"], remove=["new"])]),
        e=workflow([step("contacts.get")]),
    )
    for name in "abcd":
        assert it.run(name).state == "succeeded"
    output = it.steps(it.run("e").id)["c"].output
    assert (output["name"], output["tags"]) == ("Amina", ["vip", "old"])
    assert output["attributes"] == {"language": "es", "seat": "4"}


def test_a_flagged_number_is_refused_by_the_gate_until_the_flag_goes(project: Open) -> None:
    it = project(
        flag=workflow([step("contacts.update", invalid=True, invalid_why="It does not exist")]),
        text=workflow([{"uses": "sms.send", "with": {"to": NUMBER, "text": "Hi"}}]),
        clear=workflow([step("contacts.update", invalid=False)]),
    )
    assert it.steps(it.run("flag").id)["c"].output["invalid"] is True
    refused = it.run("text")
    assert refused.error is not None
    assert (refused.state, refused.error["code"]) == ("failed", "invalid_number")
    assert "It does not exist" in refused.error["message"]
    assert it.gateway.texts == []
    it.run("clear")
    assert it.run("text").state == "succeeded"


def test_an_opt_out_says_how_we_know(project: Open) -> None:
    it = project(w=workflow([step("contacts.update", opt_out=True)]))
    it.run("w")
    found = kept(it)
    assert found is not None
    assert found.opted_out_at is not None
    assert found.opted_out_source.startswith("the workflow ")


@pytest.mark.parametrize(
    ("with_", "code"),
    [
        ({"number": "{{ '12' }}"}, "invalid_number"),
        ({"attributes": {"tags": "x"}}, "invalid_input"),
    ],
)
def test_what_cannot_be_kept(project: Open, with_: dict[str, Any], code: str) -> None:
    it = project(w=workflow([step("contacts.update", **with_)]))
    run = it.run("w")
    assert run.error is not None
    assert run.error["code"] == code
    assert kept(it) is None
