"""`ringback docs`: the reference pages, generated and kept in the repository."""

from __future__ import annotations

from pathlib import Path

import click

from ringback.cli import console
from ringback.paths import shelf
from ringback.problems import Failure


@click.command()
@click.option(
    "--check", is_flag=True, help="Change nothing; exit 1 naming the pages that are not current."
)
@click.option("--write", is_flag=True, help="Write the pages.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the pages are. Default: docs/reference of the checkout.",
)
def command(check: bool, write: bool, folder: Path | None) -> None:
    """Write the reference pages from the schemas, the manifests and the commands, or check them.

    \b
    Example:
      ringback docs --check
      ringback docs --write --folder reference
    """
    if check == write:
        raise click.UsageError("Say either --check or --write.", click.get_current_context())
    from ringback.cli import reference

    target = folder or _checkout_folder()
    with console.busy("Generating the reference"):
        pages = reference.pages()
    stale = _stale(target, pages)
    if write:
        _write(target, pages, stale)
        console.mark("good", f"{len(pages)} pages in {target}, {len(stale)} changed.")
    elif stale:
        raise Failure(
            "refused",
            f"Not current in {target}: {', '.join(sorted(stale))}.",
            "`ringback docs --write` writes them.",
        )
    else:
        console.mark("good", f"{len(pages)} pages in {target} are current.")


def _checkout_folder() -> Path:
    top = shelf("schemas").parent
    if not (top / "pyproject.toml").is_file():
        raise Failure(
            "not_found",
            "This is an installed Ringback, without its docs folder.",
            "Name one with --folder.",
        )
    return top / "docs" / "reference"


def _stale(folder: Path, pages: dict[str, str]) -> set[str]:
    """Names of pages that are missing, differ, or should not be there."""
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.md")}
    differing = {
        name
        for name, text in pages.items()
        if name not in there or there[name].read_text("utf-8") != text
    }
    return differing | (set(there) - set(pages))


def _write(folder: Path, pages: dict[str, str], stale: set[str]) -> None:
    for name in stale:
        path = folder / name
        if name in pages:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[name], "utf-8")
        else:
            path.unlink()
