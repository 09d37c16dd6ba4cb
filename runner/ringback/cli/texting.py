"""The people in an example: what they text in while its run is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ringback.problems import Failure
from ringback.words import duration_ms

if TYPE_CHECKING:
    from ringback.cli.knock import Stage


class Replies:
    """An example's `replies`, as one more thing that time brings on."""

    def __init__(self, stage: Stage, written: Sequence[Mapping[str, Any]]) -> None:
        """`after` counts from now. Raises `Failure` where no text can come in."""
        self._stage = stage
        began = stage.runtime.clock.now_ms()
        due = [(began + duration_ms(str(one["after"])), one) for one in written]
        self._due = sorted(due, key=lambda one: one[0])
        if self._due and not stage.two_way:
            raise Failure(
                "invalid_input",
                "The example has replies, and no connection brings texts in.",
                "Rehearse with a gateway that has incoming messages.",
            )

    def next_at(self) -> int | None:
        return self._due[0][0] if self._due else None

    def fire(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            self._text_in(self._due.pop(0)[1])

    def _text_in(self, reply: Mapping[str, Any]) -> None:
        """By default from the phone that was texted last, through the connection that did."""
        from ringback.cli.knock import OUR_NUMBER

        taken = self._stage.transport.taken
        sender = reply.get("from") or (taken[-1].to if taken else None)
        if sender is None:
            raise Failure(
                "invalid_input",
                f"Nobody was texted who could answer “{reply['text']}”.",
                "Say who texts, with `from`, or later, with `after`.",
            )
        asked = next((one.connection for one in reversed(taken) if one.to == sender), None)
        names = self._stage.two_way
        connection = str(reply.get("connection") or (asked if asked in names else names[0]))
        if connection not in names:
            raise Failure(
                "not_found",
                f"No text comes in through {connection}.",
                f"Those it can come in through: {', '.join(names)}.",
            )
        to = str(reply.get("to") or OUR_NUMBER)
        self._stage.transport.text_in(connection, str(sender), to, str(reply["text"]))
