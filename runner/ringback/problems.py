"""What can be wrong, said so that an operator can act on it.

Two shapes. A `Problem` is a finding in a file: place, mistake, next step. A `Failure` is something that
did not work while running; its `code` is one of `CODES`, which says whether trying again can help and
whether the thing may have happened all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text: 1-based line and column, end exclusive (`end_column` is one past the last character)."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in one file.

    `message` is the mistake and `next` what to do about it, each whole sentences; `code` is a stable word
    for tools (`unknown_key`, `missing_input`, ...). `text` is the line of the file that the span starts in.
    """

    code: str
    message: str
    next: str = ""
    file: str = ""
    span: Span | None = None
    text: str = ""
    severity: Severity = "error"

    @property
    def where(self) -> str:
        """`workflows/enrol.yaml:14:7`, or as much of it as is known."""
        if self.span is None:
            return self.file
        return f"{self.file}:{self.span.line}:{self.span.column}"

    def as_json(self) -> dict[str, Any]:
        """The problem in the one error shape of the API, with the span for editors."""
        shown: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "next": self.next,
            "severity": self.severity,
        }
        if self.span is not None:
            shown["span"] = {
                "line": self.span.line,
                "column": self.span.column,
                "end_line": self.span.end_line,
                "end_column": self.span.end_column,
            }
        return shown

    def __str__(self) -> str:
        lines = [
            ": ".join(filter(None, [self.where, " ".join(filter(None, [self.message, self.next]))]))
        ]
        if self.span is not None and self.text:
            width = (
                self.span.end_column - self.span.column
                if self.span.end_line == self.span.line
                else len(self.text) - self.span.column + 1
            )
            number = str(self.span.line)
            lines.append(f"  {number} | {self.text}")
            lines.append(
                f"  {' ' * len(number)} | {' ' * (self.span.column - 1)}{'^' * max(width, 1)}"
            )
        return "\n".join(lines)


class Code(NamedTuple):
    """What is true of every failure with one code.

    `retry`: trying the same again may work. `unsure`: the effect may have happened although no answer
    came. `ours`: our fault, not the operator's or the other side's.
    """

    retry: bool = False
    unsure: bool = False
    ours: bool = False


CODES: dict[str, Code] = {
    "invalid_input": Code(),
    "not_found": Code(),
    "refused": Code(),
    "unauthorized": Code(),
    "no_credit": Code(),
    "opted_out": Code(),
    "invalid_number": Code(),
    "blocked_address": Code(),
    "document_refused": Code(),
    "field_missing": Code(),
    "template": Code(),
    "throttled": Code(retry=True),
    "unreachable": Code(retry=True),
    "server_error": Code(retry=True),
    "no_answer": Code(retry=True, unsure=True),
    "timed_out": Code(retry=True, unsure=True),
    "internal": Code(ours=True, unsure=True),
}


@dataclass(eq=False)
class Failure(Exception):
    """Something did not work.

    Args:
        code: a key of `CODES`.
        message: what happened, one sentence to an operator.
        next: what to do about it, one sentence.
        where: the place (`step confirmation`, `connection front-desk`), where it helps.
        retry_after: seconds the other side asked us to wait.
        detail: facts for a tool or a log (HTTP status, labels looked for); never a secret.
    """

    code: str
    message: str
    next: str = ""
    where: str = ""
    retry_after: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code} is not a failure code")
        Exception.__init__(self, self.message)

    @property
    def kind(self) -> Code:
        return CODES[self.code]

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "next": self.next,
        }
        if self.detail:
            shown["detail"] = self.detail
        return shown

    def __str__(self) -> str:
        said = " ".join(filter(None, [self.message, self.next]))
        return f"{self.where}: {said}" if self.where else said


class Mistakes(Exception):
    """A file or a project has mistakes; `problems` are all of them, in reading order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n\n".join(str(problem) for problem in problems))
