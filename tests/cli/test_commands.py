"""Every command, by iterating the table of verbs: it has help, an example, and the summary the list shows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ringback import __version__
from ringback.cli import VERBS, commands


def every_command() -> Iterator[tuple[str, click.Command]]:
    top = click.Context(commands, info_name="ringback")
    for name in VERBS:
        command = commands.get_command(top, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name, parent=top)
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield f"{name} {inner}", found


ALL = dict(every_command())


@pytest.mark.parametrize("name", ALL)
def test_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(commands, [*name.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Example:" in shown.output
    assert f"ringback {name}" in shown.output.split("Example:")[1]


@pytest.mark.parametrize("name", ALL)
def test_every_option_says_what_it_does(name: str) -> None:
    silent = [
        option.name
        for option in ALL[name].params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


@pytest.mark.parametrize("name", VERBS)
def test_the_list_does_not_load_the_commands(name: str) -> None:
    assert VERBS[name].summary.endswith(".")


def test_help_is_quick_because_it_loads_little() -> None:
    code = "import sys, ringback.cli; print([name for name in ('rich', 'flask', 'sqlalchemy', 'jinja2') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_version() -> None:
    shown = CliRunner().invoke(commands, ["--version"])
    assert shown.output.strip() == f"ringback {__version__}"
