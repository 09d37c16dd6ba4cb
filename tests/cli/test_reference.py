"""The reference pages are made from what ships, and the ones in the repository are current."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ringback.cli import VERBS, commands, reference
from ringback.connectors.catalogue import load_catalogue
from ringback.paths import shelf

PAGES = reference.pages()


def test_every_schema_connector_and_command_has_its_place() -> None:
    schemas = {f"{path.name.split('.')[0]}.md" for path in shelf("schemas").glob("*.schema.json")}
    connectors = {f"connectors/{name}.md" for name in load_catalogue().connectors}
    assert set(PAGES) == {
        *schemas,
        *connectors,
        "connectors/README.md",
        "cli.md",
        "metrics.md",
        "access.md",
    }
    for verb in VERBS:
        assert f"\n## ringback {verb}\n" in PAGES["cli.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_within_a_page_lead_somewhere(page: str) -> None:
    import re

    text = PAGES[page]
    anchors = set(re.findall(r'<a id="([^"]+)"', text))
    anchors |= {
        head.strip().lower().replace(" ", "-")
        for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.parametrize("page", PAGES)
def test_each_table_row_has_as_many_cells_as_its_head(page: str) -> None:
    width = 0
    for line in PAGES[page].splitlines():
        cells = line.replace("\\|", "").count("|")
        if not line.startswith("|"):
            width = 0
        elif width:
            assert cells == width, line
        else:
            width = cells


def docs(*arguments: str) -> tuple[int, str]:
    shown = CliRunner().invoke(commands, ["docs", *arguments])
    return shown.exit_code, shown.output


def test_drift_is_named(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert docs("--write", "--folder", folder)[0] == 0
    assert docs("--check", "--folder", folder)[0] == 0
    (tmp_path / "workflow.md").write_text("old")
    (tmp_path / "cli.md").unlink()
    (tmp_path / "stray.md").write_text("stray")
    code, said = docs("--check", "--folder", folder)
    assert code == 1
    assert "cli.md, stray.md, workflow.md" in said
    assert docs("--write", "--folder", folder)[0] == 0
    assert docs("--check", "--folder", folder)[0] == 0
    assert not (tmp_path / "stray.md").exists()


def test_the_committed_pages_are_current() -> None:
    code, said = docs("--check")
    assert code == 0, said


def test_check_and_write_exclude_each_other() -> None:
    assert docs("--check", "--write")[0] == 1
    assert docs()[0] == 1
