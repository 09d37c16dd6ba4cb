"""A gateway that asks before it calls back, at the program's own door: the question, the yes, and only then reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from ringback.cli.knock import call_back
from ringback.clock import SimulatedClock
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.manifest import Manifest
from ringback.connectors.transport import Call
from ringback.engine.runtime import Runtime, open_runtime
from ringback.journal.schema import messages
from ringback.problems import Failure
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.inprocess import InProcess
from ringback.rehearsal.project import stand_in_settings
from ringback.settings import load_settings
from ringback.web.app import create_app

ASKING = [
    one for one in load_catalogue().connectors.values() if one.callbacks and one.callbacks.confirm
]


class Town:
    """A project with one gateway that asks, its doors, and what came to them."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        settings = stand_in_settings(manifest, {})
        project = {
            "project": {"name": "Harbour School", "country": "GB", "timezone": "Europe/London"},
            "public_url": "https://school.example",
            "connections": {"front-desk": {"uses": manifest.id, "with": settings}},
        }
        (folder / "ringback.yaml").write_text(json.dumps(project))
        clock = SimulatedClock(1_782_657_000_000)
        url = "https://school.example/callbacks/front-desk"
        self.rehearsal = Rehearsal(manifest, settings, url, clock, connection="front-desk", seed=1)
        self.transport = InProcess([self.rehearsal], clock, self.deliver)
        self.runtime: Runtime = open_runtime(
            load_settings(folder, {}), clock=clock, transport=self.transport
        )
        self.door: FlaskClient = create_app(self.runtime).test_client()
        self.answers: list[int] = []
        self.change: bytes = b""

    def deliver(self, _connection: str, request: IncomingRequest) -> None:
        if self.change:
            request = replace(request, body=request.body.replace(b"ringback", self.change, 1))
        self.answers.append(call_back(self.door, request))

    def texts(self) -> list[str]:
        with self.runtime.journal.read() as conn:
            return [row.text for row in conn.execute(select(messages)).all()]


@pytest.fixture(params=ASKING, ids=[one.id for one in ASKING])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path, request.param)
    yield made
    made.runtime.close(0)


def test_callbacks_begin_with_the_yes(town: Town) -> None:
    town.transport.shake_hands("front-desk")
    assert town.answers == [200]
    town.transport.text_in("front-desk", "+447700900077", "+447700900100", "Hello <&> 🎉")
    assert town.answers == [200, 200]
    assert town.texts() == ["Hello <&> 🎉"]


def test_nothing_comes_without_it(town: Town) -> None:
    town.change = b"somebody"  # what was signed is not what arrives
    town.transport.shake_hands("front-desk")
    assert town.answers[0] in (401, 403)
    town.change = b""
    town.transport.text_in("front-desk", "+447700900077", "+447700900100", "Hello")
    assert len(town.answers) == 1
    assert town.texts() == []


def test_a_call_to_another_address_is_no_yes(town: Town) -> None:
    town.rehearsal.shake_hands()
    with pytest.raises(Failure):
        town.transport.send(Call("GET", "https://sns.eu-west-1.amazonaws.com/?Token=guessed"))
    assert town.rehearsal.text_in("+447700900077", "+447700900100", "Hello") == ()


def test_most_gateways_do_not_ask() -> None:
    manifest = load_catalogue().connectors["twilio"]
    rehearsal = Rehearsal(manifest, stand_in_settings(manifest, {}), "https://x.example", SimulatedClock(0))  # fmt: skip
    with pytest.raises(Failure, match="does not ask"):
        rehearsal.shake_hands()
