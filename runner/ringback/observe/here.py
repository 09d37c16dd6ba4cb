"""What the work at hand is about, for log lines and figures that are written far below where it is known."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import NamedTuple


class Here(NamedTuple):
    """The ids of what is being worked on; an empty text where there is none."""

    request: str = ""
    run: str = ""
    workflow: str = ""
    step: str = ""
    connection: str = ""
    trace: str = ""


NOWHERE = Here()
_here: ContextVar[Here] = ContextVar("ringback_here", default=NOWHERE)


def here() -> Here:
    """What this thread works on now."""
    return _here.get()


class working:  # noqa: N801  reads as a word: `with working(run=…):`
    """While the body works, these are known: `with working(run=run_id, workflow="enrol"):`; names are those of `Here`."""

    __slots__ = ("_known", "_token")

    def __init__(self, **known: str) -> None:
        self._known = known
        self._token: Token[Here] | None = None

    def __enter__(self) -> None:
        self._token = _here.set(_here.get()._replace(**self._known))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._token is not None
        _here.reset(self._token)
