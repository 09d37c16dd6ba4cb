"""A workflow as the program sees it, and the little that it needs to know of connectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ringback.problems import Problem

Busy = Literal["queue", "skip", "cancel_previous"]
Backoff = Literal["fixed", "exponential"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a client fills in; `type` is a field type of the connectors (`text`, `phone`, `list`)."""

    label: str = ""
    default: Any = None
    required: bool = False
    type: str = "text"
    description: str = ""


@dataclass(frozen=True, slots=True)
class TriggerUse:
    """One trigger of a workflow. `with_` is as written: defaults and words are not filled in."""

    uses: str
    with_: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how fast a step is tried again; `on` names failure codes, None means every one that allows it."""

    times: int
    delay_ms: int = 5_000
    backoff: Backoff = "exponential"
    max_delay_ms: int = 3_600_000
    on: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a workflow: it either `uses` an action or holds `steps`.

    `path` is its static place and stays the same while the definition does: `confirmation` (its id) or `2`
    (its position), after its parents: `each_course/0`, `3/else/0`, `3/on_error/0`, `on_failure/0`.
    """

    path: str
    id: str | None = None
    name: str = ""
    uses: str | None = None
    with_: Mapping[str, Any] = field(default_factory=dict)
    if_: str | None = None
    for_each: Any = None
    as_: str = "item"
    steps: tuple[Step, ...] = ()
    else_: tuple[Step, ...] = ()
    retry: Retry | None = None
    timeout_ms: int | None = None
    on_error: Literal["stop", "continue"] | tuple[Step, ...] = "stop"

    @property
    def title(self) -> str:
        """What people call the step."""
        return self.name or self.id or self.uses or f"step {self.path}"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most `limit` runs at a time for each value of the template `key`."""

    key: str
    when_busy: Busy = "queue"
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow file. `hash` is the SHA-256 of `source` in lower-case hex and names this version."""

    id: str
    file: str
    hash: str
    source: str = field(repr=False)
    name: str = ""
    description: str = ""
    enabled: bool = True
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    triggers: tuple[TriggerUse, ...] = ()
    steps: tuple[Step, ...] = ()
    on_failure: tuple[Step, ...] = ()
    concurrency: Concurrency | None = None
    examples: tuple[Mapping[str, Any], ...] = ()

    def all_steps(self) -> Iterator[Step]:
        """Every step, nested ones after their parent, in reading order."""
        yield from walk(self.steps)
        yield from walk(self.on_failure)


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps and all that hang on them, in reading order."""
    for step in steps:
        yield step
        yield from walk(step.steps)
        yield from walk(step.else_)
        if isinstance(step.on_error, tuple):
            yield from walk(step.on_error)


@dataclass(frozen=True)
class WorkflowSet:
    """A project's workflows. `by_id` holds those without errors, switched off or not; `problems` are of all files.

    `hook` and `triggers` answer with enabled workflows only.
    """

    by_id: Mapping[str, Workflow] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    hooks: Mapping[str, tuple[Workflow, TriggerUse]] = field(default_factory=dict)
    by_source: Mapping[str, tuple[tuple[Workflow, TriggerUse], ...]] = field(default_factory=dict)

    def hook(self, path: str) -> tuple[Workflow, TriggerUse] | None:
        """The workflow and trigger that listen on a webhook path, without its slashes at either end."""
        return self.hooks.get(path.strip("/"))

    def triggers(self, source: str) -> list[tuple[Workflow, TriggerUse]]:
        """The triggers of one source (`webhook`, `schedule`, `inbound`, `report`, `failure`, `manual`)."""
        return list(self.by_source.get(source, ()))


class FieldLike(Protocol):
    """One input or output of a connector, as `ringback.connectors.manifest.Field` has it."""

    @property
    def type(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def example(self) -> Any: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...
    @property
    def choices(self) -> tuple[Any, ...]: ...
    @property
    def items(self) -> FieldLike | None: ...
    @property
    def properties(self) -> Mapping[str, FieldLike]: ...
    @property
    def additional(self) -> FieldLike | None: ...
    @property
    def schema(self) -> Mapping[str, Any] | None: ...
    @property
    def template(self) -> bool: ...


class ConnectorLike(Protocol):
    """A connector, as `ringback.connectors.manifest.Manifest` has it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, FieldLike]: ...


class UsableLike(Protocol):
    """What actions and triggers have in common."""

    @property
    def full(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def inputs(self) -> Mapping[str, FieldLike]: ...
    @property
    def outputs(self) -> Mapping[str, FieldLike]: ...
    @property
    def outputs_from(self) -> str | None: ...
    @property
    def connector(self) -> ConnectorLike: ...


class ActionLike(UsableLike, Protocol):
    """Something a step can use."""

    @property
    def implements(self) -> str | None: ...
    @property
    def engine(self) -> str | None: ...


class TriggerLike(UsableLike, Protocol):
    """Something that starts a run."""

    @property
    def source(self) -> str: ...


class CatalogueLike(Protocol):
    """All connectors there are, as `ringback.connectors.catalogue.Catalogue` has them."""

    @property
    def connectors(self) -> Mapping[str, ConnectorLike]: ...
    @property
    def actions(self) -> Mapping[str, ActionLike]: ...
    @property
    def triggers(self) -> Mapping[str, TriggerLike]: ...
    def action(self, full: str, /) -> ActionLike | None: ...
    def trigger(self, full: str, /) -> TriggerLike | None: ...
