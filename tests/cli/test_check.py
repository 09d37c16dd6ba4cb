"""`ringback check`: all mistakes at once, each with its line; JSON for tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli import commands
from ringback.paths import shelf

WRONG = """\
nmae: Ten
trigger: { uses: webhook.recieved, with: { path: hello } }
steps:
  - uses: sms.sned
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert CliRunner().invoke(commands, ["init", str(tmp_path)]).exit_code == 0
    return tmp_path


def check(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["check", *arguments])


def test_a_new_project_has_no_mistakes(project: Path) -> None:
    shown = check(str(project))
    assert shown.exit_code == 0, shown.output
    assert shown.output.strip() == "✓ No mistakes found."


def test_all_mistakes_with_their_lines(project: Path) -> None:
    (project / "workflows" / "wrong.yaml").write_text(WRONG)
    shown = check(str(project))
    assert shown.exit_code == 1
    for place in ("wrong.yaml:1:1: `nmae`", "wrong.yaml:2:18: ", "wrong.yaml:4:11: "):
        assert place in shown.output
    assert "  4 |   - uses: sms.sned\n    |           ^^^^^^^^\n" in shown.output
    assert "3 mistakes" in shown.output


def test_json(project: Path) -> None:
    (project / "workflows" / "wrong.yaml").write_text(WRONG)
    shown = check(str(project), "--json")
    assert shown.exit_code == 1
    told = json.loads(shown.stdout)
    assert told["ok"] is False
    assert len(told["problems"]) == 3
    assert told["problems"][0]["span"]["line"] == 1


def test_one_file_in_a_project_with_mistakes_of_its_own(project: Path) -> None:
    (project / "ringback.yaml").write_text("project: { timezone: Nowhere }")
    file = project / "workflows" / "wrong.yaml"
    file.write_text(WRONG)
    shown = check(str(file))
    assert "“Nowhere” is not a time zone" in shown.output
    assert "`nmae` is not a key" in shown.output


@pytest.mark.parametrize(
    "recipe", sorted(shelf("workflows").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_shipped_recipes_outside_of_a_project(recipe: Path) -> None:
    shown = check(str(recipe))
    assert shown.exit_code == 0, shown.output
