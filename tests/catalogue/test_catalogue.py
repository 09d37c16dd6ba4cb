from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from ringback.connectors import catalogue as subject
from ringback.connectors import loading
from ringback.connectors.catalogue import Catalogue, load_catalogue, load_connector
from ringback.problems import Problem

MANIFEST = """\
id: {id}
name: {name}
kind: service
description: A connector of the project's own.
actions:
  greet:
    title: Greet
    description: Says hello.
    effect: none
    python: greet
    outputs: {{ text: {{ type: text, title: Text, description: The greeting. }} }}
"""
GREET = """\
from __future__ import annotations
from .words import HELLO
def greet(inputs, context):
    return {"text": HELLO}
"""


def write(shelf: Path, name: str, text: str, hello: str = "Hello") -> Path:
    folder = shelf / name
    folder.mkdir(parents=True)
    (folder / "connector.yaml").write_text(text)
    (folder / "greet.py").write_text(GREET)
    (folder / "words.py").write_text(f"HELLO = {hello!r}\n")
    return folder


def greeting(catalogue: Catalogue, full: str) -> Any:
    action = catalogue.action(full)
    assert action is not None
    return loading.function(action)({}, None)


def problems_of(catalogue: Catalogue, name: str) -> list[Problem]:
    return [
        problem for problem in catalogue.problems if name in f"{problem.file} {problem.message}"
    ]


def test_the_shelf_loads_and_is_asked_by_role() -> None:
    catalogue = load_catalogue()
    assert catalogue.problems == ()
    roles = catalogue.implementing("sms.send")
    assert "mysmsgate.send" in [action.full for action in roles]
    own = catalogue.implementing("sms.send", "mysmsgate")
    assert [action.full for action in own] == ["mysmsgate.send"]
    assert catalogue.implementing("sms.send", "http") == []
    assert catalogue.trigger("manual") is not None
    assert catalogue.action("nothing.at_all") is None


def test_a_projects_folder_joins_and_replaces(tmp_path: Path) -> None:
    write(tmp_path / "connectors", "greeter", MANIFEST.format(id="greeter", name="Greeter"))
    write(tmp_path / "connectors", "http", MANIFEST.format(id="http", name="Our own HTTP"))
    catalogue = load_catalogue(tmp_path)
    assert problems_of(catalogue, "greeter") + problems_of(catalogue, "http") == []
    assert catalogue.connectors["http"].name == "Our own HTTP"
    assert catalogue.connectors["http"].origin == "project"
    assert greeting(catalogue, "greeter.greet") == {"text": "Hello"}
    assert sys.modules["ringback_connectors.greeter"]


def test_two_projects_do_not_share_modules(tmp_path: Path) -> None:
    text = MANIFEST.format(id="greeter", name="Greeter")
    write(tmp_path / "a/connectors", "greeter", text, "Hello")
    write(tmp_path / "b/connectors", "greeter", text, "Ahoy")
    assert greeting(load_catalogue(tmp_path / "a"), "greeter.greet") == {"text": "Hello"}
    assert greeting(load_catalogue(tmp_path / "b"), "greeter.greet") == {"text": "Ahoy"}


def test_an_installed_package_offers_connectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    package = tmp_path / "acme_connectors"
    write(package, "greeter", MANIFEST.format(id="greeter", name="Greeter"))
    (package / "__init__.py").write_text(
        "raise RuntimeError('loading the catalogue runs no code')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [
        EntryPoint("acme", "acme_connectors", subject.ENTRY_POINTS),
        EntryPoint("gone", "acme_gone", subject.ENTRY_POINTS),
    ]
    monkeypatch.setattr(subject, "entry_points", lambda **_group: points)
    catalogue = load_catalogue()
    assert catalogue.connectors["greeter"].origin == "package"
    assert [problem.message for problem in problems_of(catalogue, "acme")] == [
        "The package acme_gone offers connectors but holds no connector.yaml."
    ]


def test_x_is_y_at_another_address(tmp_path: Path) -> None:
    folder = tmp_path / "connectors/othergate"
    folder.mkdir(parents=True)
    (folder / "connector.yaml").write_text(
        "id: othergate\nname: Other\nextends: mysmsgate\n"
        "settings: { base_url: { default: https://other.example } }\n"
    )
    manifest = load_catalogue(tmp_path).connectors["othergate"]
    assert (manifest.name, manifest.kind) == ("Other", "sms-gateway")
    assert manifest.settings["base_url"].default == "https://other.example"
    assert manifest.settings["base_url"].title == "Address"
    assert manifest.actions["send"].full == "othergate.send"
    (folder / "connector.yaml").write_text("id: othergate\nname: Other\nextends: mysmsgat\n")
    (problem,) = problems_of(load_catalogue(tmp_path), "othergate")
    assert (problem.where, problem.message) == (
        "connectors/othergate/connector.yaml:3:10",
        "`mysmsgat` cannot be extended.",
    )


WRONG = """\
id: other
name: Wrong
kind: sms
description: A connector with mistakes.
colour: red
settings:
  key: { type: secrte, title: Key, description: A key. }
actions:
  go:
    title: Go
    description: Goes.
    effect: once
    request: { url: "https://x.example", jsno: {} }
    engine: wait
"""
MEANT = """\
id: other
name: Wrong
kind: service
description: A connector with mistakes.
settings:
  key: { type: secret, title: Key, description: A key. }
actions:
  go:
    title: Go
    description: Goes.
    effect: once
    request: { url: "https://x.example/{{ settings.kye }}", json: { a: "{{ inputs.x | upper }}" } }
  gone:
    title: Gone
    description: Is gone.
    effect: none
    python: gone
"""


def found(folder: Path, text: str) -> list[tuple[str, str]]:
    folder.mkdir(exist_ok=True)
    (folder / "connector.yaml").write_text(text)
    manifest, problems = load_connector(folder)
    assert manifest is None
    return [(problem.where.partition(":")[2], str(problem)) for problem in problems]


def test_all_that_is_wrong_with_the_shape_is_said_at_once(tmp_path: Path) -> None:
    said = found(tmp_path / "wrong", WRONG)
    places = {where for where, _ in said}
    assert {"5:1", "3:7", "7:16", "13:42", "9:3"} <= places
    whole = "\n".join(text for _, text in said)
    for part in ("`colour` is not a key here.", "Did you mean `json`?", "Keep one of python, request and engine."):  # fmt: skip
        assert part in whole


def test_what_a_schema_cannot_say_is_said_too(tmp_path: Path) -> None:
    whole = "\n".join(text for _, text in found(tmp_path / "wrong", MEANT))
    for part in (
        "The id `other` is not the folder's name, `wrong`.",
        "Did you mean `settings.key`?",
        "`{{ inputs.x | upper }}` is more than a plain reference.",
        "gone.py is not in the connector's folder.",
    ):
        assert part in whole


@pytest.mark.parametrize("text", ["", "just words", "[]", "id: 5", "a: [", "actions: {go: 1}", "callbacks: []"])  # fmt: skip
def test_odd_files_are_problems_and_never_break(tmp_path: Path, text: str) -> None:
    assert found(tmp_path / "odd", text)


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "connectors/odd"
    folder.mkdir(parents=True)
    (folder / "connector.yaml").write_bytes(b"\xff\xfe")
    (problem,) = problems_of(load_catalogue(tmp_path), "odd")
    assert "cannot be read" in problem.message
    assert "http" in load_catalogue(tmp_path).connectors
