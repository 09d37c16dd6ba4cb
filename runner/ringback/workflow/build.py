"""Makes a `Workflow` of a file's data. Every word has been checked by then: what is wrong here is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ringback import words
from ringback.workflow.model import Concurrency, InputSpec, Retry, Step, TriggerUse, Workflow


def definition_hash(source: str) -> str:
    """The SHA-256 of a workflow's text, lower-case hex: the name of this version of it."""
    return hashlib.sha256(source.encode()).hexdigest()


def build(data: Mapping[str, Any], source: str, file: str, workflow_id: str) -> Workflow:
    """The workflow that `data` says. Raises ValueError where a duration cannot be read."""
    triggers = [data["trigger"]] if data.get("trigger") else data.get("triggers") or []
    return Workflow(
        id=workflow_id,
        file=file,
        hash=definition_hash(source),
        source=source,
        name=data.get("name") or workflow_id,
        description=data.get("description") or "",
        enabled=data.get("enabled", True),
        inputs={name: _input(said or {}) for name, said in (data.get("inputs") or {}).items()},
        triggers=tuple(
            TriggerUse(one["uses"], one.get("with") or {}, one.get("id")) for one in triggers
        ),
        steps=_steps(data["steps"], ""),
        on_failure=_steps(data.get("on_failure") or [], "on_failure/"),
        concurrency=_concurrency(data.get("concurrency")),
        examples=tuple(data.get("examples") or ()),
    )


def step_path(step: Mapping[str, Any], position: int, prefix: str) -> str:
    """The static place of a step: its id or its position, after its parents' prefix."""
    return f"{prefix}{step.get('id') or position}"


def duration_ms(value: Any) -> int:
    """A duration as written in a workflow's own keys. Raises ValueError."""
    return words.duration_ms(str(value))


def _input(said: Mapping[str, Any]) -> InputSpec:
    return InputSpec(
        label=said.get("label") or "",
        default=said.get("default"),
        required=said.get("required", False),
        type=said.get("type", "text"),
        description=said.get("description") or "",
    )


def _steps(said: Sequence[Mapping[str, Any]], prefix: str) -> tuple[Step, ...]:
    return tuple(_step(one, step_path(one, position, prefix)) for position, one in enumerate(said))


def _step(said: Mapping[str, Any], path: str) -> Step:
    on_error = said.get("on_error", "stop")
    condition = said.get("if")
    return Step(
        path=path,
        id=said.get("id"),
        name=said.get("name") or "",
        uses=said.get("uses"),
        with_=said.get("with") or {},
        if_=None
        if condition is None
        else str(condition).lower()
        if isinstance(condition, bool)
        else condition,
        for_each=said.get("for_each"),
        as_=said.get("as", "item"),
        steps=_steps(said.get("steps") or (), f"{path}/"),
        else_=_steps(said.get("else") or (), f"{path}/else/"),
        retry=_retry(said.get("retry")),
        timeout_ms=None if said.get("timeout") is None else duration_ms(said["timeout"]),
        on_error=_steps(on_error, f"{path}/on_error/") if isinstance(on_error, list) else on_error,
    )


def _retry(said: Mapping[str, Any] | None) -> Retry | None:
    if said is None:
        return None
    usual = Retry(said["times"])
    on = said.get("on")
    return Retry(
        times=usual.times,
        delay_ms=duration_ms(said["delay"]) if "delay" in said else usual.delay_ms,
        backoff=said.get("backoff", usual.backoff),
        max_delay_ms=duration_ms(said["max_delay"]) if "max_delay" in said else usual.max_delay_ms,
        on=None if on is None else (on,) if isinstance(on, str) else tuple(on),
    )


def _concurrency(said: Mapping[str, Any] | None) -> Concurrency | None:
    if said is None:
        return None
    return Concurrency(said["key"], said.get("when_busy", "queue"), said.get("limit", 1))
