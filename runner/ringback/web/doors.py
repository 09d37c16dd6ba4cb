"""Which webhook is behind a path, and what to say where there is none."""

from __future__ import annotations

import difflib
import logging

from ringback.engine.runtime import Runtime
from ringback.web.errors import Refusal
from ringback.web.hookspec import Hook, read_hook
from ringback.workflow.model import TriggerUse, Workflow

log = logging.getLogger("ringback.web.hooks")

_SOURCE = "webhook"


class HookBook:
    """The webhooks by path; each is read from its workflow once, and again when the workflow changes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._hooks: dict[str, Hook] = {}

    def find(self, path: str) -> Hook:
        """The webhook at a path. Raises `Refusal` 404, which says where the workflow is switched off."""
        path = path.strip("/")
        found = self._runtime.workflows.hook(path)
        if found is None:
            raise self._nothing_at(path)
        workflow, use = found
        hook = self._hooks.get(path)
        if hook is None or hook.workflow is not workflow:
            hook = self._hooks[path] = read_hook(workflow, use, self._runtime.settings)
        return hook

    def _nothing_at(self, path: str) -> Refusal:
        where = f"/hooks/{path}"
        sleeping = self._switched_off(path)
        if sleeping is not None:
            return Refusal(
                404,
                "switched_off",
                f"The workflow {sleeping.name or sleeping.id} that listens here is switched off.",
                f"Switch it on with `enabled: true` for {sleeping.id}.",
                where,
            )
        self._hint(path)
        return Refusal(
            404,
            "not_found",
            "No workflow listens here.",
            "Check the path in the workflow's trigger; the log names the nearest one there is.",
            where,
        )

    def _switched_off(self, path: str) -> Workflow | None:
        return next(
            (
                workflow
                for workflow in self._runtime.workflows.by_id.values()
                for use in workflow.triggers
                if self._is_webhook(use) and str(use.with_.get("path", "")).strip("/") == path
            ),
            None,
        )

    def _is_webhook(self, use: TriggerUse) -> bool:
        trigger = self._runtime.catalogue.trigger(use.uses)
        return trigger is not None and trigger.source == _SOURCE

    def _hint(self, path: str) -> None:
        """The nearest path goes to the log only: for a webhook without authentication the path is the key."""
        paths = [
            str(use.with_.get("path", "")).strip("/")
            for _, use in self._runtime.workflows.triggers(_SOURCE)
        ]
        near = difflib.get_close_matches(path, paths, n=1)
        if near:
            log.warning("nothing listens at /hooks/%s; there is /hooks/%s", path, near[0])
