"""What the sender is answered when a webhook says `respond`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.web.conftest import ENVIRON

from ringback.engine.executor import InlineExecutor, Warm
from ringback.engine.run import advance
from ringback.engine.runtime import Runtime, open_runtime
from ringback.settings import load_settings
from ringback.web.app import create_app

STEPS = (
    "\nsteps:\n  - { id: made, uses: data.set, with: { name: '{{ trigger.body.name }}', n: 7 } }\n"
)
WORKFLOWS = {
    "words": "{ mode: result, body: 'Thank you, {{ made.name }}.', status: 201 }",
    "shape": "{ mode: result, body: { hello: '{{ made.name }}', n: '{{ made.n }}', run: '{{ run.id }}' } }",
    "page": "{ mode: result, body: '<p>{{ made.name }}</p>', content_type: text/html }",
    "bare": "result",
    "later": "{ mode: accepted }",
    "secret": "{ mode: result, body: 'key {{ trigger.query.key }}' }",
    "wrong": "{ mode: result, body: '{{ trigger.query.nothing }}' }",
    "slow": "{ mode: result, within: 20 ms, body: done }",
}


class Eager(InlineExecutor):
    """Advances a run at once, on the thread that submitted it."""

    runtime: Runtime
    idle = False

    def start(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def submit(self, run_id: str, warm: Warm | None = None, priority: int = 0) -> None:
        if not self.idle:
            advance(self.runtime, run_id, warm)


@pytest.fixture
def eager() -> Eager:
    return Eager()


@pytest.fixture
def client(folder: Path, eager: Eager) -> Iterator[Any]:
    for name, respond in WORKFLOWS.items():
        trigger = (
            f"trigger: {{ uses: webhook.received, with: {{ path: {name}, respond: {respond} }} }}"
        )
        (folder / "workflows" / f"{name}.yaml").write_text(f"name: {name}\n{trigger}{STEPS}")
    runtime = open_runtime(load_settings(folder, ENVIRON), executor=eager)
    runtime.start()
    yield create_app(runtime).test_client()
    runtime.close(0)


def post(client: Any, path: str, body: Any = None) -> Any:
    return client.post(f"/hooks/{path}", json=body or {"name": "Amina"})


def test_the_run_makes_the_answer(client: Any) -> None:
    words = post(client, "words")
    assert (words.status_code, words.text) == (201, "Thank you, Amina.")
    assert words.content_type.startswith("text/plain")
    shape = post(client, "shape")
    assert shape.json == {"hello": "Amina", "n": 7, "run": shape.json["run"]}
    assert shape.json["run"].startswith("run_")
    page = post(client, "page")
    assert (page.content_type, page.text) == ("text/html", "<p>Amina</p>")


def test_without_a_body_the_receipt_and_the_state_are_told(client: Any) -> None:
    answer = post(client, "bare")
    assert answer.status_code == 200
    assert answer.json["state"] == "succeeded"
    assert answer.json["run"].startswith("run_")


def test_accepted_does_not_wait(client: Any, eager: Eager) -> None:
    eager.idle = True
    assert post(client, "later").status_code == 202


def test_a_run_that_takes_longer_is_a_receipt(client: Any, eager: Eager) -> None:
    eager.idle = True
    answer = post(client, "slow")
    assert answer.status_code == 202
    assert set(answer.json) == {"run", "event", "duplicate", "status_url"}


@pytest.mark.parametrize("path", ["words", "wrong"])
def test_a_failure_is_told_without_asking_for_a_repetition(client: Any, path: str) -> None:
    body = {"nome": "Amina"} if path == "words" else None
    answer = post(client, path, body)
    assert answer.status_code == 202
    assert answer.json["error"]["code"] == "template"
    assert answer.json["state"] == ("failed" if path == "words" else "succeeded")


def test_an_answer_never_holds_a_secret(client: Any) -> None:
    answer = client.post(f"/hooks/secret?key={ENVIRON['GATEWAY_KEY']}", json={"name": "x"})
    assert answer.status_code == 200
    assert ENVIRON["GATEWAY_KEY"] not in answer.text
