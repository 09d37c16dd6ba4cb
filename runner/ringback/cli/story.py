"""One run told to a person: from the journal's story (`ringback.journal.timeline`) to lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ringback.cli import console, fields
from ringback.clock import from_ms
from ringback.words import say_duration

if TYPE_CHECKING:
    from ringback.journal.runs import Run

Story = Mapping[str, Any]
LONGEST = 160

MARK_OF = {
    "succeeded": "good", "delivered": "good", "sent": "good", "handled": "good",
    "failed": "bad", "uncertain": "bad", "undelivered": "bad", "rejected": "bad", "expired": "bad",
    "waiting": "wait", "running": "wait", "queued": "wait", "intended": "wait",
}  # fmt: skip


class Line(NamedTuple):
    """One thing that happened: when (epoch milliseconds), which sign it gets, what it was."""

    at: int
    mark: str
    text: str
    detail: str = ""


def row(run: Run) -> list[str]:
    """A run as a row of the list."""
    took = run.finished_at - run.created_at if run.finished_at else None
    what = (run.error or {}).get("message", "") if isinstance(run.error, dict) else ""
    return [
        run.id,
        run.workflow,
        run.state,
        f"{local(run.created_at):%Y-%m-%d %H:%M:%S}",
        "" if took is None else say_duration(took),
        _short(what),
    ]


def say(told: Story) -> None:
    """The whole story."""
    run = told["run"]
    console.heading(f"{run['workflow']} {run['id']}")
    ended = run.get("finished_at")
    took = f" after {say_duration(ended - run['created_at'])}" if ended else ""
    console.mark(MARK_OF.get(run["state"], "note"), f"{run['state']}{took}")
    if error := run.get("error"):
        console.say(f"  {_error(error)}")
    console.say()
    say_lines(lines(told))
    uncertain = [step["path"] for step in told["steps"] if step["state"] == "uncertain"]
    for path in uncertain:
        settle = f"ringback runs settle {run['id']}{f' {path}' if len(uncertain) > 1 else ''}"
        console.say()
        console.say(f"Nobody knows whether {path} happened. Look into the gateway's own list.")
        console.say(f"  {settle} --sent     # it went: go on from there")
        console.say(f"  {settle} --again    # it did not: do it")
    if run["state"] == "uncertain" and not uncertain:
        console.say()
        console.say("Decide what becomes of it:")
        console.say(f"  ringback runs settle {run['id']} --again      # try it again")
        console.say(f"  ringback runs settle {run['id']} --give-up    # end it as failed")


def say_lines(found: list[Line]) -> None:
    """Lines with their times."""
    for line in found:
        console.mark(line.mark, f"{local(line.at):%H:%M:%S} {line.text}", _short(line.detail))


def lines(told: Story) -> list[Line]:
    """Everything that happened in a run, in the order of time."""
    outputs = {step["path"]: step.get("output") for step in told["steps"]}
    ended = {step["path"] for step in told["steps"] if step.get("finished_at")}
    return [
        _line(entry, outputs)
        for entry in told["timeline"]
        if not (
            entry["what"] == "step" and entry["text"].endswith(" began") and entry["path"] in ended
        )
    ]


def _line(entry: Mapping[str, Any], outputs: Mapping[str, Any]) -> Line:
    """One entry of the timeline; `what` is event, run, step, note, message or report."""
    what, path, text = entry["what"], entry["path"] or "", entry["text"]
    state = text.rsplit(" ", 1)[-1]
    if what == "message":
        return Line(entry["at"], "note", f"text to {entry.get('to', '')}", text)
    if what == "report":
        price = f"it costs {entry['cost']}" if entry.get("cost") else ""
        detail = ", ".join(filter(None, [str(entry.get("detail") or ""), price]))
        against = entry.get("contradicts")
        said = f"report: {text}, against the {against} of before" if against else f"report: {text}"
        return Line(entry["at"], MARK_OF.get(text, "note"), said, detail)
    if what == "step":
        detail = _error(entry["error"]) if entry.get("error") else ""
        if state == "succeeded":
            detail = _output(outputs.get(path))
        return Line(entry["at"], MARK_OF.get(state, "note"), f"{path}: {text}", detail)
    if what == "note":
        facts = entry.get("facts") or {}
        detail = ", ".join(f"{name} {fields.say(value)}" for name, value in facts.items())
        return Line(entry["at"], "note", f"{path}: {text}" if path else text, detail)
    return Line(entry["at"], MARK_OF.get(state, "note"), f"{what}: {text}")


def _output(output: Any) -> str:
    if not isinstance(output, Mapping):
        return fields.say(output)
    shown = {
        name: value for name, value in output.items() if isinstance(value, str | int | float | bool)
    }
    return ", ".join(f"{name} {fields.say(value)}" for name, value in shown.items())


def _error(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    return " ".join(filter(None, [str(error.get("message", "")), str(error.get("next", ""))]))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"


def local(at: int) -> datetime:
    """A moment of the journal by the clock of this machine."""
    return from_ms(at).astimezone()
