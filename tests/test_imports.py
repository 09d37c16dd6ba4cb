"""The program reads as one straight line: imports only run down it (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ringback

PROGRAM = Path(ringback.__file__).parent

LAYERS: list[list[str]] = [
    ["__main__"],
    ["cli"],
    ["web", "worker", "distributed", "chores", "schedule", "rehearsal", "doctor"],
    ["engine"],
    ["sms"],
    ["connectors"],
    ["workflow"],
    ["expressions"],
    ["access"],
    ["journal"],
    ["settings"],
    ["sdk", "yamltext", "paths", "clock", "ids", "masks", "words", "observe"],
    ["problems"],
]
"""From the doors down to the ground; what stands in one line may not import what stands above it."""

FREE_WITHIN_A_LINE = {
    "web",
    "worker",
    "distributed",
    "chores",
    "schedule",
    "rehearsal",
    "doctor",
    "cli",
}


def part_of(module: str) -> str:
    names = module.split(".")
    part = names[1] if len(names) > 1 else "__init__"
    return "yamltext" if part.startswith("yaml") else part


def rank(part: str) -> int:
    for line, parts in enumerate(LAYERS):
        if part in parts:
            return line
    raise LookupError(f"{part} has no place in the straight line of tests/test_imports.py")


def imports(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            if node.module == "ringback":
                for name in node.names:
                    yield node.lineno, f"ringback.{name.name}"


def upward(source: str, module: str) -> list[str]:
    """The imports of one module that run up the line."""
    part = part_of(module)
    if part == "__init__":
        return []
    found = []
    for line, name in imports(source):
        if not name.startswith("ringback.") or name == "ringback.__version__":
            continue
        other = part_of(name)
        if other != part and rank(other) < rank(part):
            found.append(f"{module}:{line} imports {name}")
    return found


def modules() -> list[Path]:
    return sorted(PROGRAM.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PROGRAM)))
def test_no_module_imports_upward(path: Path) -> None:
    names = path.relative_to(PROGRAM.parent).with_suffix("").parts
    assert not upward(path.read_text(encoding="utf-8"), ".".join(names))


@pytest.mark.parametrize(
    "planted",
    [
        "from ringback.engine import accept",
        "import ringback.engine.run",
        "def late():\n    from ringback import web",
    ],
)
def test_a_planted_upward_import_goes_red(planted: str) -> None:
    assert upward(planted, "ringback.journal.runs")


def test_connectors_import_only_the_sdk_and_their_own_folder() -> None:
    from ringback.paths import shelf

    strayed = []
    for path in sorted(shelf("connectors").rglob("*.py")):
        own = f"ringback_connectors.{path.relative_to(shelf('connectors')).parts[0]}"
        for line, name in imports(path.read_text(encoding="utf-8")):
            if (
                name.startswith("ringback")
                and name not in {"ringback.sdk", "ringback"}
                and not name.startswith(own)
            ):
                strayed.append(f"{path}:{line} imports {name}")
    assert not strayed


def test_the_program_names_no_connector() -> None:
    from ringback.paths import shelf

    gateways = [
        folder.name
        for folder in shelf("connectors").iterdir()
        if (folder / "connector.yaml").is_file()
        and "kind: core" not in (folder / "connector.yaml").read_text(encoding="utf-8")
    ]
    named = [
        f"{path.relative_to(PROGRAM)} names {gateway}"
        for path in modules()
        for gateway in gateways
        if gateway in path.read_text(encoding="utf-8").lower()
    ]
    assert gateways
    assert not named
