"""The calls that are no sends: answered by the example, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from ringback.clock import SimulatedClock
from ringback.connectors.transport import Call
from ringback.problems import Failure
from ringback.rehearsal.inprocess import InProcess, by_example

ANSWERS: dict[str, Any] = {
    "https://school.example/students": {"json": {"id": 42}},
    "POST https://school.example/students": {"status": 201, "text": "Created"},
    "https://school.example/twice": [{"status": 503}, {"status": 200, "json": []}],
    "https://school.example/down": {"failure": "unreachable"},
    "https://school.example/short": 204,
}


@pytest.fixture
def transport() -> InProcess:
    return InProcess([], SimulatedClock(0), lambda _name, _request: None, answers=ANSWERS)


@pytest.mark.parametrize(
    ("method", "url", "status", "body"),
    [
        ("GET", "https://school.example/students", 200, b'{"id": 42}'),
        ("GET", "https://school.example/students?phone=1", 200, b'{"id": 42}'),
        ("POST", "https://school.example/students", 201, b"Created"),
        ("DELETE", "https://school.example/short", 204, b""),
    ],
)
def test_an_answer_by_address(
    transport: InProcess, method: str, url: str, status: int, body: bytes
) -> None:
    answer = transport.send(Call(method, url, guard=True))
    assert (answer.status, answer.body, answer.url) == (status, body, url)
    assert [(call.method, call.url) for call in transport.calls] == [(method, url)]


def test_answers_in_turn(transport: InProcess) -> None:
    call = Call("GET", "https://school.example/twice")
    assert [transport.send(call).status for _ in range(3)] == [503, 200, 200]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://school.example/down", "The example says that this call fails."),
        ("https://school.example/new?a=1", "no answer for GET https://school.example/new."),
    ],
)
def test_nothing_leaves_the_rehearsal(transport: InProcess, url: str, says: str) -> None:
    with pytest.raises(Failure, match=r"answer|fails") as caught:
        transport.send(Call("GET", url))
    assert caught.value.code == "unreachable"
    assert says in caught.value.message


def test_a_status_that_is_none_is_the_authors_mistake() -> None:
    assert by_example({})("+447700900001").ending == "0001"
    assert by_example({"reports": []})("+447700900001").reports == ()
    with pytest.raises(ValueError, match="lost is not one of accepted"):
        by_example({"reports": ["lost"]})
