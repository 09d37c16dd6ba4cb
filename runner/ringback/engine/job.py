"""One step under way, as the operations that perform it see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ringback.connectors.manifest import Action
from ringback.engine.walk import Walk, Write
from ringback.journal.steps import Step as Row
from ringback.workflow.model import Step


@dataclass(slots=True)
class Job:
    """A step with its action and prepared inputs.

    `row` is where it stands; `began` says that the journal holds that row already: it waited, or Ringback
    stopped in the middle of it.
    """

    walk: Walk
    step: Step
    action: Action
    inputs: dict[str, Any]
    row: Row
    began: bool

    def next_attempt(self) -> Row:
        """The row of another try of a step that has begun."""
        self.row = self.row._replace(
            state="intended", attempt=self.row.attempt + 1, error=None, wake_at=None
        )
        return self.row

    def succeed(self, output: Any, *extra: Write, urgent: bool = False) -> Any:
        """The step is done; returns its output."""
        self.walk.record(
            self.row._replace(
                state="succeeded",
                finished_at=self.walk.now,
                output=output,
                error=None,
                wake_at=None,
            ),
            *extra,
            urgent=urgent,
        )
        return output
