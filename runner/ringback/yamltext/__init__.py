"""YAML with a place for everything: what a file says, where it says it, and what is wrong with it.

The scanner and parser are libyaml's, by pyyaml; the tree is built here from its events, because a place is
needed for every key and value, because reading must go on past a mistake, and because neither nesting nor
aliases may exhaust the machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ringback.problems import Problem, Span
from ringback.yamltext import repair
from ringback.yamltext.document import Document, Node, Part, Path_
from ringback.yamltext.mending import apply, unquoted
from ringback.yamltext.reading import Reading, Unquoted

__all__ = ["Document", "Node", "Part", "Path_", "plain", "read", "read_file"]

MAX_SIZE = 1_000_000
"""Characters of one file; the largest workflow worth reading is a hundredth of this."""

_TIMES_A_LINE = 3
"""How often one line is mended before reading gives up: a line worse than that is not understood."""

# libyaml's own line breaks: https://github.com/yaml/libyaml/blob/master/src/yaml_private.h (IS_BREAK)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(text: str, file: str) -> Document:
    """Read one YAML text.

    Never raises: whatever is wrong is in `problems`, in reading order, and `data` holds as much as could
    be read. `file` is the name that problems show.
    """
    text = text.removeprefix("\ufeff")
    document = Document(file, text, _BREAK.split(text[:MAX_SIZE]))
    if document.lines[-1] == "":
        document.lines.pop()
    if len(text) > MAX_SIZE:
        document.broken = True
        document.problems = [
            document.problem_at(
                "too_large",
                f"The file has {len(text):,} characters; {MAX_SIZE:,} is the most that is read.",
                "Split it into several files.",
                Span(1, 1, 1, 1),
            )
        ]
        return document
    lines, found = _control_characters(document)
    reading = _read_on(document, lines, found)
    document.root = reading.root
    document.data = reading.root.data if reading.root else None
    document.problems = sorted(found + reading.problems, key=_order)
    document.broken = document.broken or reading.stopped
    return document


def _read_on(document: Document, lines: list[str], found: list[Problem]) -> Reading:
    """Read; at a mistake, say it, mend it as its writer most likely meant, and read again."""
    whole = document.text if lines is document.lines else "\n".join(lines)
    mended: Counter[int] = Counter()
    for _ in range(repair.MOST):
        reading = Reading(document, lines)
        fault = reading.run(whole)
        if fault is None:
            return reading
        finding = (
            unquoted(lines, fault.place, fault.in_flow)
            if isinstance(fault, Unquoted)
            else repair.explain(fault, lines)
        )
        for start, end in finding.places:
            span = document.between(start, end)
            found.append(document.problem_at(finding.code, finding.message, finding.next, span))
        mended.update({edit.line for edit in finding.edits})
        if not finding.edits or max(mended.values()) > _TIMES_A_LINE:
            break
        lines = apply(finding.edits, lines, document.origins)
        whole = "\n".join(lines) + "\n"
    document.broken = True
    return reading


def _control_characters(document: Document) -> tuple[list[str], list[Problem]]:
    """Lines without the characters that YAML does not allow, and a problem for each line that had one."""
    if not _NOT_ALLOWED.search(document.text):
        return document.lines, []
    found = []
    for number, line in enumerate(document.lines):
        bad = _NOT_ALLOWED.search(line)
        if bad:
            found.append(
                document.problem_at(
                    "control_character",
                    f"There is an invisible character here (U+{ord(bad.group()):04X}) that YAML does not allow.",
                    "Delete it.",
                    Span(number + 1, bad.start() + 1, number + 1, bad.end() + 1),
                )
            )
    return [_NOT_ALLOWED.sub(" ", line) for line in document.lines], found


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.span.line, problem.span.column) if problem.span else (0, 0)


def read_file(path: Path, file: str) -> Document:
    """Read a YAML file; `file` is the name that problems show. A file that cannot be read is a problem too."""
    try:
        raw = path.read_bytes()
        return read(raw.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        said = f"The file is not UTF-8 text: the byte 0x{raw[error.start]:02x} on line {line} is something else."
        then = "Save it as UTF-8; every editor offers that."
        document = Document(file, "", [], broken=True)
        document.problems = [Problem("not_utf8", said, then, file, Span(line, 1, line, 1))]
        return document
    except OSError as error:
        document = Document(file, "", [], broken=True)
        said = f"The file cannot be read: {error.strerror or error}."
        document.problems = [Problem("unreadable", said, "Check its name and permissions.", file)]
        return document


def plain(value: Any) -> Any:
    """A copy of `Document.data` that shares nothing, for callers that change it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
