"""Everything about one number through the API."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.journal.rows import a_message

from ringback.engine.runtime import Runtime
from ringback.journal import contacts, messages
from ringback.journal.waits import Wait, put_wait
from ringback.web.operations import BASE
from ringback.web.schemas import COMPONENTS

Bearer = dict[str, str]
NUMBER = "+447700900077"


@pytest.fixture
def ask(client: Any, runtime: Runtime, bearer: Bearer) -> Any:
    told = a_message(text="Hi Amina", number_to=NUMBER, status="delivered", terminal=True)
    runtime.journal.write(lambda conn: messages.add_message(conn, told))
    runtime.journal.write(lambda conn: contacts.opt_out(conn, NUMBER, "texted STOP", 1))

    def post(path: str, status: int = 200, **body: Any) -> Any:
        answer = client.post(f"{BASE}/privacy/{path}", json=body, headers=bearer)
        assert answer.status_code == status, answer.text
        return answer.json if answer.is_json else answer.data

    return post


def test_found_exported_and_erased(ask: Any) -> None:
    found = ask("find", number="07700 900077", thorough=True)
    Draft202012Validator(COMPONENTS["Found"]).validate(found)
    assert found["counts"] == {"contacts": 1, "messages": 1}
    with zipfile.ZipFile(io.BytesIO(ask("export", number=NUMBER))) as archive:
        assert json.loads(archive.read("data.json"))["parts"]["messages"][0]["text"] == "Hi Amina"
    made = ask("erase", number=NUMBER)
    Draft202012Validator(COMPONENTS["Erased"]).validate(made)
    assert made["kept_optout"]
    assert ask("find", number=NUMBER)["counts"] == {"contacts": 1}
    assert not ask("erase", number=NUMBER, keep_optout=False)["kept_optout"]
    assert ask("find", number=NUMBER, thorough=True)["counts"] == {}


def test_an_unfinished_run_is_in_the_way(ask: Any, client: Any, runtime: Runtime) -> None:
    from tests.journal.rows import add_run

    run: str = runtime.journal.write(lambda conn: add_run(conn, wake_at=None))
    runtime.journal.write(lambda conn: put_wait(conn, Wait(run, "reply", "reply", NUMBER)))
    assert ask("find", number=NUMBER)["unfinished"] == [run]
    assert ask("erase", 409, number=NUMBER)["error"]["code"] == "unfinished"
    assert ask("erase", number=NUMBER, cancel=True)["canceled"] == [run]


def test_what_is_wrong_is_told(ask: Any) -> None:
    assert ask("find", 422, number="twelve")["error"]["code"] == "invalid_number"
    assert len(ask("erase", 422, keep="x")["error"]["problems"]) == 2
