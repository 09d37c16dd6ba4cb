"""compose.yaml says commands that there are, and gives what docs/scaling.md tells a project to read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from ringback.cli import commands

ROOT = Path(__file__).parents[1]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "ringback"]


@pytest.mark.parametrize("name", OURS)
def test_each_command_can_be_read(name: str) -> None:
    said = SERVICES[name]["command"]
    context = click.Context(commands)
    verb, command, rest = commands.resolve_command(context, list(said))
    assert verb == said[0]
    assert command is not None
    command.make_context(verb, rest, parent=context)


def test_a_project_reads_what_compose_gives() -> None:
    given = set(SERVICES["web"]["environment"])
    told = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docs" / "scaling.md").read_text()))
    assert given <= told


def test_figures_are_for_other_containers_too() -> None:
    """An address of the container itself is reached by nobody outside it, Prometheus included."""
    for said in (service["command"] for service in SERVICES.values() if "command" in service):
        for port in ("--port", "--metrics-port"):
            if port in said:
                assert said[said.index(port.replace("port", "host")) + 1] == "0.0.0.0"


def test_what_is_waited_for_is_there() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_the_image_has_what_the_wheel_needs() -> None:
    let_in = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in let_in)
    needed = {"runner", "connectors", "workflows", "schemas", "pyproject.toml", "constraints.txt"}
    assert needed <= set(let_in)
