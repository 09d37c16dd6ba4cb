"""`ringback init` makes a project that an operator can edit."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ringback.cli import commands
from ringback.paths import shelf
from ringback.settings import load_settings

RECIPES = sorted(path.stem for path in shelf("workflows").glob("*.yaml"))


def init(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["init", *arguments])


def test_the_settings_load_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "harbour-school"
    shown = init(str(folder))
    assert shown.exit_code == 0, shown.output
    settings = load_settings(folder, {})
    assert settings.project["name"] == "Harbour School"
    assert len(settings.api_tokens[0]) >= 16
    assert list(settings.connections) == ["front-desk"]


def test_secrets_are_made_and_kept_from_others(tmp_path: Path) -> None:
    init(str(tmp_path / "a"))
    init(str(tmp_path / "b"))
    environment = tmp_path / "a" / ".env"
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    assert environment.read_text() != (tmp_path / "b" / ".env").read_text()
    assert "RINGBACK_API_TOKEN=\n" in (tmp_path / "a" / ".env.example").read_text()
    assert ".env" in (tmp_path / "a" / ".gitignore").read_text().split()


def test_an_editor_finds_the_schema(tmp_path: Path) -> None:
    init(str(tmp_path / "a"))
    for file in (tmp_path / "a" / "workflows" / "enrolment.yaml", tmp_path / "a" / "ringback.yaml"):
        first = file.read_text().splitlines()[0]
        prefix = "# yaml-language-server: $schema="
        assert first.startswith(prefix)
        assert (file.parent / first.removeprefix(prefix)).is_file()


# Norway's code is YAML 1.1's false, a colon begins a mapping, quotes end texts.
NAMES = [
    "Harbour School",
    "NO",
    "Rock: the “school”",
    'Say "hi"',
    "#1 Pizza",
    "Ünïcode",
    "@@COUNTRY@@",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_stays_what_it_is(tmp_path: Path, name: str) -> None:
    shown = init(str(tmp_path / "a"), "--name", name, "--country", "NO")
    assert shown.exit_code == 0, shown.output
    project = yaml.safe_load((tmp_path / "a" / "ringback.yaml").read_text())["project"]
    assert project["name"] == name
    assert project["country"] == "NO"


def test_a_project_is_not_overwritten(tmp_path: Path) -> None:
    init(str(tmp_path))
    shown = init(str(tmp_path))
    assert shown.exit_code == 1
    assert "already is a project" in shown.output


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_can_be_added_with_its_samples(tmp_path: Path, recipe: str) -> None:
    init(str(tmp_path))
    if recipe == "enrolment":
        assert init(str(tmp_path), "--recipe", recipe).exit_code == 1
    else:
        assert init(str(tmp_path), "--recipe", recipe).exit_code == 0
    assert (tmp_path / "workflows" / f"{recipe}.yaml").is_file()


def test_an_unknown_recipe_names_those_that_there_are(tmp_path: Path) -> None:
    shown = init(str(tmp_path / "a"), "--recipe", "enrolmnt")
    assert shown.exit_code == 1
    assert "enrolment" in shown.output
    assert not (tmp_path / "a").exists()
