"""Every refusal in one shape: `{"error": {"code", "message", "where", "next"}}`.

Several mistakes at once ride along in `error.problems`, each in the same four words. What we did not
expect answers 500 with a reference that finds the traceback in the log, and nothing else.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Flask, Response, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from ringback.ids import new_id
from ringback.masks import Masks
from ringback.problems import Failure, Mistakes, Problem

log = logging.getLogger("ringback.web")

FAILURE_STATUS: dict[str, int] = {
    "not_found": 404,
    "unauthorized": 401,
    "throttled": 429,
    "internal": 500,
    "server_error": 502,
    "unreachable": 502,
    "no_answer": 504,
    "timed_out": 504,
}
"""The HTTP status of a `Failure` that reaches a door; every other code is the caller's mistake, 422."""

HTTP_WORDS: dict[int, tuple[str, str, str]] = {
    400: (
        "bad_request",
        "The request could not be read.",
        "Check the address, the headers and the body.",
    ),
    404: (
        "not_found",
        "There is nothing at this address.",
        "Webhooks are at /hooks/<path>, the API is at /api/v1/ and describes itself at /api/v1/openapi.json.",
    ),
    405: (
        "method_not_allowed",
        "This address does not take this method.",
        "Use one of the methods in the Allow header.",
    ),
    408: ("timed_out", "The request took too long to arrive.", "Send it again."),
    413: ("too_large", "The request is larger than this address takes.", "Send less at once."),
    415: (
        "unsupported_type",
        "This address does not take this kind of body.",
        "Check the Content-Type.",
    ),
}
"""Code, message and next step of the HTTP errors that the framework raises by itself."""


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is not taken: the status and the four words of the error shape.

    `others` are further mistakes of the same request, all of them shown.
    """

    status: int
    code: str
    message: str
    next: str = ""
    where: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[Refusal] = ()

    def __post_init__(self) -> None:
        Exception.__init__(self, self.message)

    def as_json(self) -> dict[str, Any]:
        """The inside of `error`, without `problems`."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "next": self.next,
        }


def all_at_once(mistakes: Sequence[Refusal]) -> Refusal:
    """One refusal that names every mistake; its status is theirs when they agree, else 422."""
    first = mistakes[0]
    if len(mistakes) == 1:
        return first
    status = first.status if len({mistake.status for mistake in mistakes}) == 1 else 422
    code = first.code if len({mistake.code for mistake in mistakes}) == 1 else "invalid_request"
    return Refusal(
        status,
        code,
        " ".join(f"{mistake.message}" for mistake in mistakes),
        " ".join(dict.fromkeys(mistake.next for mistake in mistakes if mistake.next)),
        first.where,
        others=mistakes,
    )


def unavailable(where: str) -> Refusal:
    """The refusal for when the journal cannot keep what came in: the sender keeps it and tries again."""
    return Refusal(
        503,
        "unavailable",
        "Ringback cannot write to its journal right now, so nothing was accepted.",
        "Send it again in a few seconds; if this stays, look at the log and the disk.",
        where,
        {"Retry-After": "5"},
    )


@contextmanager
def keeping(where: str) -> Iterator[None]:
    """Turn what the journal or the disk raises into 503 with Retry-After; it goes to the log."""
    try:
        yield
    except Failure as failure:
        if failure.code != "internal":
            raise
        log.error("%s could not be kept", where, exc_info=failure)
        raise unavailable(where) from failure
    except (OperationalError, sqlite3.OperationalError, OSError) as error:
        log.error("%s could not be kept", where, exc_info=error)
        raise unavailable(where) from error


def answer(
    status: int,
    error: Mapping[str, Any],
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> Response:
    """The HTTP answer of one error."""
    body = json.dumps({"error": error}, ensure_ascii=False) + "\n"
    reply = Response(body, status, mimetype="application/json")
    reply.headers.update(dict(headers))
    return reply


def install(app: Flask, masks: Masks) -> None:
    """Give the app the one error shape, for our own refusals and for everything else."""
    app.register_error_handler(Refusal, partial(_refused, masks))
    app.register_error_handler(Failure, partial(_failed, masks))
    app.register_error_handler(Mistakes, partial(_mistaken, masks))
    app.register_error_handler(HTTPException, partial(_of_http, masks))
    app.register_error_handler(Exception, _unexpected)


def _refused(masks: Masks, refusal: Refusal) -> Response:
    error = refusal.as_json()
    if refusal.others:
        error["problems"] = [mistake.as_json() for mistake in refusal.others]
    if refusal.status >= 500:
        log.error("%s %s: %s", request.method, request.path, refusal.message)
    return answer(refusal.status, masks.value(error), refusal.headers)


def _failed(masks: Masks, failure: Failure) -> Response:
    if failure.code == "internal":
        return _unexpected(failure)
    headers: dict[str, str] = {}
    if failure.retry_after is not None:
        headers["Retry-After"] = str(round(failure.retry_after))
    return answer(FAILURE_STATUS.get(failure.code, 422), masks.value(failure.as_json()), headers)


def _mistaken(masks: Masks, mistakes: Mistakes) -> Response:
    return answer(422, masks.value(problems_error(mistakes.problems)))


def _of_http(masks: Masks, error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(error.get_body(), status, error.get_headers())
    if status >= 500:
        return _unexpected(error)
    code, message, next_step = HTTP_WORDS.get(status, HTTP_WORDS[400])
    where = masks.text(request.path)
    shown = {"code": code, "message": message, "where": where, "next": next_step}
    kept = {name: text for name, text in error.get_headers() if name == "Allow"}
    return answer(status, shown, kept)


def _unexpected(error: Exception) -> Response:
    reference = new_id("err")
    log.error("%s: %s %s failed", reference, request.method, request.path, exc_info=error)
    return answer(
        500,
        {
            "code": "internal",
            "message": "Something went wrong inside Ringback; this is our fault, not yours.",
            "where": "",
            "next": f"Look in the log for {reference}, or quote it when you ask for help.",
            "reference": reference,
        },
    )


def problems_error(problems: Sequence[Problem]) -> dict[str, Any]:
    """Findings in a file as the inside of `error`."""
    first = problems[0]
    return {
        "code": first.code,
        "message": first.message,
        "where": first.where,
        "next": first.next,
        "problems": [problem.as_json() for problem in problems],
    }
