"""`ringback test`: the examples of workflows, on the rehearsal gateway, with a simulated clock."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, init, project, stage
from ringback.paths import shelf
from ringback.problems import Failure
from ringback.words import say_duration

if TYPE_CHECKING:
    from ringback.connectors.catalogue import Catalogue
    from ringback.settings import Settings
    from ringback.workflow.model import Workflow


@click.command()
@click.argument("names", metavar="[RECIPE]...", nargs=-1)
@click.option("--only", metavar="TEXT", help="Only examples whose name holds this text.")
@project.option
def command(names: tuple[str, ...], only: str | None, where: Path | None) -> None:
    """Run the examples of the project's workflows, or of RECIPE: a workflow's name, a file, or a shipped recipe.

    Nothing leaves this machine: a gateway is played in this process, hours pass in a moment, and each
    example's texts, requests and end are compared with what it expects. Outside a project, the shipped
    recipes are tested.

    \b
    Example:
      ringback test
      ringback test enrolment
      ringback test workflows/enrolment.yaml --only "signed"
    """
    folder = project.find(where)
    sources = [_source(name, folder) for name in names] or _all(folder)
    began = time.monotonic()
    with _bench(folder) as bench:
        results = [result for source in sources for result in _test(source, bench, only)]
    failed = results.count(False)
    took = say_duration(round((time.monotonic() - began) * 1000))
    console.say()
    if failed:
        console.mark("bad", f"{failed} of {len(results)} failed.", took)
        raise click.exceptions.Exit(1)
    console.mark(
        "good", f"{len(results)} example{'s hold' if len(results) != 1 else ' holds'}.", took
    )


@dataclass(frozen=True)
class _Bench:
    """What every example is played with."""

    settings: Settings
    catalogue: Catalogue
    scratch: Path


@contextmanager
def _bench(folder: Path | None) -> Iterator[_Bench]:
    from ringback.connectors.catalogue import load_catalogue
    from ringback.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="ringback-test-") as temporary:
        scratch = Path(temporary)
        if folder is None:
            stage.write_project(scratch, 8080, "http://127.0.0.1:8099")
        settings = load_settings(folder or scratch, os.environ, allow_unset=True)
        console.hide(settings.secrets)
        yield _Bench(settings, load_catalogue(folder), scratch)


def _all(folder: Path | None) -> list[Path]:
    if folder is None:
        console.say("There is no project here; these are the shipped recipes.")
    found = sorted((folder / "workflows" if folder else shelf("workflows")).glob("*.y*ml"))
    if not found:
        raise Failure("not_found", "There is no workflow to test.", "Put one into workflows/.")
    return found


def _source(name: str, folder: Path | None) -> Path:
    """The file that a name means: a path, a workflow of the project, a shipped recipe."""
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path
    for ending in (".yaml", ".yml"):
        mine = folder / "workflows" / f"{name}{ending}" if folder else None
        if mine is not None and mine.is_file():
            return mine
    return init.recipe_file(name)


def _test(source: Path, bench: _Bench, only: str | None) -> Iterator[bool]:
    """Play the examples of one file, saying how each went; whether each held."""
    workflow = _load(source, bench)
    if workflow is None:
        yield False
        return
    wanted = [one for one in workflow.examples if only is None or only in str(one.get("name", ""))]
    if not wanted and only is None:
        console.mark("note", f"{workflow.id}: no examples.")
    for number, example in enumerate(wanted):
        yield _play(workflow, example, source, bench, bench.scratch / f"{workflow.id}-{number}")


def _load(source: Path, bench: _Bench) -> Workflow | None:
    """The workflow of a file, unless it has a mistake, which is then said."""
    from ringback import yamltext
    from ringback.workflow.check import document_problems
    from ringback.workflow.load import build_from

    document = yamltext.read_file(source, _shown(source))
    others = {
        path.stem: yamltext.read_file(path, str(path))
        for path in sorted(source.parent.glob("*.y*ml"))
        if path.name != source.name
    }
    document.problems = document_problems(
        document, bench.catalogue, bench.settings, others, source.stem
    )
    workflow = build_from(document, source.stem)
    if workflow is None:
        console.mark("bad", f"{source.stem} has mistakes:")
        console.problems([one for one in document.problems if one.severity == "error"])
    return workflow


def _shown(path: Path) -> str:
    """The path as one would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _play(
    workflow: Workflow, example: dict[str, Any] | Any, source: Path, bench: _Bench, scratch: Path
) -> bool:
    from ringback.cli import examples, expectations

    scratch.mkdir()
    name = f"{workflow.id}: {example.get('name', 'an example')}"
    began = time.monotonic()
    try:
        played = examples.play(workflow, example, bench.settings, bench.catalogue, source, scratch)
        found = expectations.differences(example, played)
    except Failure as failure:
        if failure.kind.ours:
            raise
        found = [str(failure)]
    if not found:
        console.mark("good", name, say_duration(round((time.monotonic() - began) * 1000)))
        return True
    console.mark("bad", name)
    for difference in found:
        console.say("\n".join(f"    {line}" for line in difference.splitlines()))
    return False
