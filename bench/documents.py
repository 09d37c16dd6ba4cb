"""Reading forms beside python-docx walking the same text, in one go.

    python -m bench.documents [--tries 30] [--corpus FOLDER]

Three sides on the same generated forms: `document.extract` (guard, reading, finding every field, types), python-docx naively
(`doc.paragraphs`, which misses tables), and python-docx carefully (all paragraphs, tables and headers, nested ones
too), which only walks the text and finds nothing. With `--corpus`, every .docx of a folder is also read once.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import docx
from docx.table import Table

from ringback.connectors import invoke, values
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.manifest import Action
from ringback.connectors.transport import Transport
from ringback.problems import Failure
from ringback.sdk import File, Reply

CATALOGUE = load_catalogue()
SENTENCE = "The provider will use reasonable care in all that it does under this agreement and its schedules. "


@dataclass
class Context:
    """What an action needs, for one file."""

    file: Path
    project: Mapping[str, Any] = field(
        default_factory=lambda: {"country": "GB", "locale": "en-GB", "timezone": "Europe/London"}
    )
    settings: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = "bench"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def path(self, file: File) -> Path:  # noqa: ARG002
        return self.file

    def save(self, name: str, content: bytes | BinaryIO, media_type: str) -> File:
        raise Failure(
            "refused", f"{name} ({media_type}, {content!r}) is not kept: this only reads."
        )

    def call(self, method: str, url: str, **_options: Any) -> Reply:
        raise Failure("refused", f"{method} {url} is not called: this only reads.")

    def log(self, message: str, **facts: Any) -> None:
        """Nobody reads it."""


def form(path: Path, fields: int) -> None:
    """A form of so many fields: half in a table, half on lines of their own, with prose between; 30 make two pages."""
    made = docx.Document()
    made.sections[0].header.paragraphs[0].text = "Harbour School"
    made.add_heading("Enrolment agreement")
    table = made.add_table(rows=0, cols=2)
    for at in range(fields // 2):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = f"Question {at}", f"Answer number {at}"
    for at in range(fields // 2, fields):
        made.add_paragraph(f"Question {at}: Answer number {at}")
        if at % 3 == 0:
            made.add_paragraph(SENTENCE * 4)
    made.save(str(path))


def naive(path: Path) -> int:
    return sum(len(paragraph.text) for paragraph in docx.Document(str(path)).paragraphs)


def careful(path: Path) -> int:
    made = docx.Document(str(path))
    headers = [part for section in made.sections for part in (section.header, section.footer)]
    return _walk(made) + sum(_walk(part) for part in headers)


def _walk(part: Any) -> int:
    letters = 0
    for block in part.iter_inner_content():
        if isinstance(block, Table):
            letters += sum(_walk(cell) for row in block.rows for cell in row.cells)
        else:
            letters += len(block.text)
    return letters


def perform(role: str, path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    action: Action = CATALOGUE.implementing(role)[0]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    said = File(name=path.name, size=path.stat().st_size, media_type="", sha256=digest)
    prepared = values.prepare(action.inputs, {**inputs, "file": said}, action.full)
    return invoke.perform(action, prepared, Context(path), Transport())


def median_ms(work: Callable[[], object], tries: int) -> float:
    took = []
    for _ in range(tries):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def compare(folder: Path, fields: int, tries: int) -> None:
    path = folder / f"form-{fields}.docx"
    form(path, fields)
    asked = {f"q{at}": {"label": f"Question {at}", "required": True} for at in range(fields)}
    read = perform("document.extract", path, {"fields": asked})
    wrong = [name for name in asked if read[name] != f"Answer number {name[1:]}"]
    if wrong:
        raise SystemExit(f"read wrongly: {wrong[:5]}")
    ours = median_ms(lambda: perform("document.extract", path, {"fields": asked}), tries)
    walked, all_walked = (
        median_ms(lambda: naive(path), tries),
        median_ms(lambda: careful(path), tries),
    )
    print(
        f"{fields:7}{ours:16.2f}{walked:18.2f}{all_walked:20.2f}{ours / walked:12.2f}{ours / all_walked:14.2f}"
    )


def corpus(folder: Path) -> None:
    """Every document of a folder: how many read, which refused and why, the slowest."""
    took: list[tuple[float, str]] = []
    refused: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.do[ct]*")):
        started = time.perf_counter()
        try:
            perform("document.survey", path, {})
        except Failure as failure:
            refused.append((path.name, str(failure)))
        took.append(((time.perf_counter() - started) * 1000, path.name))
    times = sorted(milliseconds for milliseconds, _ in took)
    print(f"\n{len(took)} real files: {len(took) - len(refused)} read, {len(refused)} refused")
    print(
        f"median {statistics.median(times):.1f} ms, slowest {max(took)[0]:.0f} ms ({max(took)[1]})"
    )
    for name, why in refused:
        print(f"  {name}: {why}")


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--tries", type=int, default=30)
    said.add_argument("--corpus", type=Path)
    options = said.parse_args()
    print(
        f"{'fields':>7}{'extract, ms':>16}{'doc.paragraphs':>18}{'everything walked':>20}{'of naive':>12}{'of careful':>14}"
    )
    with tempfile.TemporaryDirectory() as made:
        for fields in (30, 300, 1500):
            compare(Path(made), fields, options.tries if fields < 1000 else 5)
    if options.corpus:
        corpus(options.corpus)


if __name__ == "__main__":
    main()
