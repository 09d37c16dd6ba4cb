"""What one workflow is checked against, and where its problems gather."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringback.problems import Problem, Severity
from ringback.settings import Settings
from ringback.workflow.model import CatalogueLike
from ringback.yamltext import Document, Part

Place = tuple[str | int, ...]
Data = Mapping[str, Any]


@dataclass
class Surroundings:
    """A document being checked. `settings` None: nothing that depends on a project is looked at."""

    document: Document
    catalogue: CatalogueLike
    settings: Settings | None = None
    siblings: Mapping[str, Document] = field(default_factory=dict)
    workflow_id: str = ""
    problems: list[Problem] = field(default_factory=list)

    def say(
        self,
        code: str,
        message: str,
        next: str = "",  # noqa: A002
        path: Place = (),
        part: Part = "value",
        severity: Severity = "error",
    ) -> None:
        """Add a problem of the value or key at `path`."""
        self.problems.append(self.document.problem(code, message, next, path, part, severity))

    def say_inside(
        self,
        code: str,
        message: str,
        next: str,  # noqa: A002
        path: Place,
        start: int,
        end: int,
        severity: Severity = "error",
    ) -> None:
        """Add a problem of characters `start` to `end` of the text at `path`."""
        span = self.document.inside(path, start, end)
        self.problems.append(self.document.problem_at(code, message, next, span, severity))

    @property
    def data(self) -> Data:
        """The document's names and values; empty where it holds something else."""
        return mapping(self.document.data)

    @property
    def connectors_in_use(self) -> Mapping[str, str]:
        """The project's connections: connector id by connection name."""
        if self.settings is None:
            return {}
        return {name: one.uses for name, one in self.settings.connections.items()}


def mapping(value: Any) -> Data:
    """The value if it is names and values, else nothing."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> Iterator[tuple[int, Data]]:
    """The entries of a list that are names and values, with their positions."""
    if isinstance(value, list):
        for position, entry in enumerate(value):
            if isinstance(entry, Mapping):
                yield position, entry


def triggers(data: Data) -> Iterator[tuple[Place, Data]]:
    """The triggers of a workflow's data with their paths."""
    if isinstance(data.get("trigger"), Mapping):
        yield ("trigger",), data["trigger"]
    for position, entry in entries(data.get("triggers")):
        yield ("triggers", position), entry


def branches(step: Data) -> Iterator[tuple[str, list[Any]]]:
    """The lists of steps that hang on a step, by their keys."""
    for key in ("steps", "else", "on_error"):
        if isinstance(step.get(key), list):
            yield key, step[key]


def all_steps(data: Data) -> Iterator[tuple[Place, Data]]:
    """Every step of a workflow's data with its path, in reading order."""
    for key in ("steps", "on_failure"):
        yield from _steps(data.get(key), (key,))


def _steps(said: Any, path: Place) -> Iterator[tuple[Place, Data]]:
    for position, step in entries(said):
        here = (*path, position)
        yield here, step
        for key, inner in branches(step):
            yield from _steps(inner, (*here, key))
