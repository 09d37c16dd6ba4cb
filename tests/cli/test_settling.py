"""`ringback runs settle --all`: a list, a question, one decision."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.engine.bench import Project, workflow
from tests.engine.test_settleall import SEND, lose

from ringback.cli import commands, settling
from ringback.engine.settleall import open_steps


@pytest.fixture
def lost(tmp_path: Path) -> tuple[Path, list[str]]:
    """A project with three uncertain runs, which is not running."""
    it = Project(tmp_path, {"front": workflow([SEND])})
    several = [lose(it, "front") for _ in range(3)]
    it.close()
    return tmp_path, several


def settle(folder: Path, *arguments: str, said: str | None = None) -> Result:
    whole = ["runs", "settle", *arguments, "--project", str(folder)]
    return CliRunner().invoke(commands, whole, input=said)


def uncertain(folder: Path) -> int:
    it = Project(folder, {"front": workflow([SEND])})
    try:
        with it.runtime.journal.read() as conn:
            return len(open_steps(conn))
    finally:
        it.close()


def test_all_are_listed_and_settled(lost: tuple[Path, list[str]]) -> None:
    folder, several = lost
    ran = settle(folder, "--all", "--sent", "--yes")
    assert ran.exit_code == 0, ran.output
    assert all(run_id in ran.output for run_id in several)
    assert "front-desk: 3" in ran.output
    assert "3 steps: it went. The runs go on under `ringback serve`." in " ".join(ran.output.split())  # fmt: skip
    assert uncertain(folder) == 0
    assert "No step is uncertain." in settle(folder, "--all", "--sent", "--yes").output


def test_what_does_not_fit_is_left_alone(lost: tuple[Path, list[str]]) -> None:
    folder, _ = lost
    for wanted in (["--workflow", "other"], ["--connection", "backup"], ["--last", "5 minutes"]):
        ran = settle(folder, "--all", "--again", "--yes", *wanted)
        assert (ran.exit_code, ran.output.strip()) == (0, "No such step is uncertain.")
    assert uncertain(folder) == 3
    assert "3 steps" in settle(folder, "--all", "--again", "--yes", "--last", "3000 days", "--connection", "front-desk", "--workflow", "front").output  # fmt: skip


def test_somebody_is_asked_first(
    lost: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = lost
    ran = settle(folder, "--all", "--sent")
    assert ran.exit_code == 1
    assert "add --yes" in ran.output
    monkeypatch.setattr(settling, "_somebody_is_there", lambda: True)
    ran = settle(folder, "--all", "--again", said="n\n")
    assert ran.exit_code != 0
    assert "Do all of these again (3 steps)?" in ran.output
    assert uncertain(folder) == 3
    assert settle(folder, "--all", "--again", said="y\n").exit_code == 0
    assert uncertain(folder) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--all", "run_1", "--sent"], "With --all goes no ID"),
        (["--all", "--give-up"], "With --all goes no ID"),
        (["--all"], "Say either --sent or --again."),
        (["--sent"], "Name a run by its ID, or say --all."),
        (["run_1", "--sent", "--workflow", "front"], "Name a run by its ID, or say --all."),
        (["--all", "--sent", "--last", "soon"], 'Write --last "3 hours".'),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "ringback.yaml").write_text("project: {name: Harbour School}\n")
    ran = settle(tmp_path, *arguments)
    assert ran.exit_code in (1, 2)
    assert words in " ".join(ran.output.split())
