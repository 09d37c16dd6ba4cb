"""Contacts and conversations through the API, by the rules of the command line."""

from __future__ import annotations

import csv
from functools import partial
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ringback.engine.runtime import Runtime
from ringback.ids import new_id
from ringback.journal import messages
from ringback.web.operations import BASE
from ringback.web.schemas import COMPONENTS

Bearer = dict[str, str]
AMINA, BO = "+447700900077", "+447700900078"


@pytest.fixture
def api(client: Any, bearer: Bearer) -> Any:
    def ask(method: str, path: str, status: int = 200, **more: Any) -> Any:
        headers = bearer | more.pop("headers", {})
        answer = client.open(BASE + path, method=method, headers=headers, **more)
        assert answer.status_code == status, answer.text
        return answer.json if answer.is_json else answer.text

    return ask


def taken(api: Any, text: str, status: int = 200, query: str = "") -> Any:
    kind = {"Content-Type": "text/csv"}
    return api("POST", f"/contacts.csv{query}", status, data=text.encode(), headers=kind)


def test_a_contact_is_written_changed_and_deleted(api: Any) -> None:
    said = {"name": "Amina Yusuf", "tags": ["parents", "parents"], "attributes": {"class": "3B"}}
    made = api("PUT", "/contacts/07700%20900077", json=said)
    Draft202012Validator({**COMPONENTS["Contact"], "components": {}}).validate(made)
    assert (made["number"], made["tags"]) == (AMINA, ["parents"])
    change = {"attributes": {"class": None, "age": 9}, "opted_out": True}
    made = api("PATCH", f"/contacts/{AMINA}", json=change)
    assert (made["name"], made["attributes"]) == ("Amina Yusuf", {"age": 9})
    assert made["opted_out_source"] == "by the API"
    again = {"opted_out": True, "opted_out_source": "by phone"}
    same = api("PATCH", f"/contacts/{AMINA}", json=again)
    assert same["opted_out_at"] == made["opted_out_at"]
    assert same["opted_out_source"] == "by the API"
    bare = api("PUT", f"/contacts/{AMINA}", json={})
    assert (bare["name"], bare["attributes"]) == ("", {})
    assert bare["opted_out_at"] == made["opted_out_at"]
    assert api("DELETE", f"/contacts/{AMINA}")["kept_optout"]
    assert api("GET", f"/contacts/{AMINA}")["opted_out_at"] == made["opted_out_at"]
    assert api("PATCH", f"/contacts/{AMINA}", json={"opted_out": False})["opted_out_at"] is None
    assert not api("DELETE", f"/contacts/{AMINA}")["kept_optout"]
    assert api("GET", f"/contacts/{AMINA}", 404)["error"]["next"]
    api("DELETE", f"/contacts/{AMINA}", 404)
    api("PATCH", f"/contacts/{AMINA}", json={"opted_out": True})
    assert not api("DELETE", f"/contacts/{AMINA}?keep_optout=false")["kept_optout"]
    api("GET", f"/contacts/{AMINA}", 404)


def test_an_invalid_number_is_flagged_with_its_reason(api: Any) -> None:
    path = f"/contacts/{AMINA}"
    assert (
        api("PATCH", path, json={"invalid": True, "invalid_why": "gone"})["invalid_why"] == "gone"
    )
    found = api("PATCH", path, json={"invalid": False})
    assert (found["invalid"], found["invalid_why"]) == (False, "")


def test_every_mistake_of_a_contact_is_told(api: Any) -> None:
    wrong: dict[str, Any] = {"attributes": {"tags": "a", "name": "b"}, "opted_out_source": "x"}
    error = api("PUT", f"/contacts/{AMINA}", 422, json=wrong)["error"]
    assert len(error["problems"]) == 3
    assert api("PUT", "/contacts/twelve", 422, json={})["error"]["code"] == "invalid_number"
    wrong = {"name": "a\u0000b", "tags": [" a", "b;c"], "colour": 1}
    assert len(api("PUT", f"/contacts/{AMINA}", 422, json=wrong)["error"]["problems"]) == 4


def test_contacts_are_listed_by_page_and_filter(api: Any) -> None:
    for last in range(5):
        api("PUT", f"/contacts/+44770090007{last}", json={"tags": [f"t{last % 2}", "T0"]})
    api("PATCH", "/contacts/+447700900071", json={"opted_out": True})
    api("PATCH", "/contacts/+447700900072", json={"invalid": True})
    first = api("GET", "/contacts?limit=3")
    rest = api("GET", "/contacts", query_string={"limit": 3, "cursor": first["next"]})
    numbers = [one["number"][-1] for one in first["contacts"] + rest["contacts"]]
    assert (numbers, rest["next"]) == (list("01234"), None)

    def of(query: str) -> str:
        return "".join(one["number"][-1] for one in api("GET", f"/contacts?{query}")["contacts"])

    assert (of("tag=t0"), of("tag=T0"), of("tag=t"), of("tag=T0%22%2C%22")) == (
        "024",
        "01234",
        "",
        "",
    )
    assert (of("opted_out=true"), of("opted_out=false")) == ("1", "0234")
    assert (of("invalid=true"), of("invalid=false")) == ("2", "0134")
    assert api("GET", "/contacts?invalid=maybe", 422)["error"]["message"].startswith(
        "invalid “maybe”"
    )


def test_a_file_is_taken_and_given(api: Any) -> None:
    text = "number,name,tags,class\r\n07700 900077,Amina,a;b,3B\r\n+447700900078,Bo,,\r\n"
    assert taken(api, text, query="?dry_run=true") == {
        "contacts": 2, "new": 2, "changed": 0, "dry_run": True,
    }  # fmt: skip
    assert api("GET", "/contacts")["contacts"] == []
    assert taken(api, "\ufeff" + text)["new"] == 2
    assert taken(api, text.replace("Bo", "Bob"))["changed"] == 1
    given = list(csv.DictReader(api("GET", "/contacts.csv").splitlines()))
    assert [row["name"] for row in given] == ["Amina", "Bob"]
    assert given[0]["class"] == "3B"
    api("PATCH", f"/contacts/{BO}", json={"opted_out": True})
    taken(api, text)
    assert api("GET", f"/contacts/{BO}")["opted_out_at"]


def test_every_wrong_line_is_told_and_nothing_is_taken(api: Any) -> None:
    text = "name,number\nA,+447700900077\nB\nC,12\nD,+447700900078,too,much\n"
    error = taken(api, text, 422)["error"]
    assert [one["where"] for one in error["problems"]] == [f"contacts.csv:{n}:1" for n in (3, 4, 5)]
    assert api("GET", "/contacts")["contacts"] == []
    assert "UTF-8" in api("POST", "/contacts.csv", 422, data=b"number\n\xff\n", headers={"Content-Type": "text/csv"})["error"]["message"]  # fmt: skip
    api("POST", "/contacts.csv", 415, json={})
    assert taken(api, "x" * 1_100_000, 413)["error"]["code"] == "too_large"


def test_a_conversation_goes_both_ways_page_by_page(api: Any, runtime: Runtime) -> None:
    for at in range(6):
        way = "in" if at % 2 else "out"
        whose = {"number_from": AMINA} if at % 2 else {"number_to": AMINA}
        connection = "by-token" if at == 3 else "front-desk"
        message = messages.Message(new_id("msg"), way, connection, str(at), "sent", at, at, **whose)  # type: ignore[arg-type]
        runtime.journal.write(partial(messages.add_message, message=message))
    page = api("GET", "/conversations/07700%20900077?limit=4")
    assert ([one["text"] for one in page["messages"]], page["number"]) == (list("2345"), AMINA)
    rest = api("GET", f"/conversations/{AMINA}?limit=4&cursor={page['next']}")
    assert ([one["text"] for one in rest["messages"]], rest["next"]) == (list("01"), None)
    front = api("GET", f"/conversations/{AMINA}?connection=front-desk")
    assert "".join(one["text"] for one in front["messages"]) == "01245"
    assert api("GET", "/conversations/nobody")["messages"] == []
