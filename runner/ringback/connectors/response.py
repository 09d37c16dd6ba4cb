"""Understands an answer: what was asked for, or which failure it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ringback.connectors.callbacks import Report, report_of
from ringback.connectors.fieldpaths import Pick, as_list
from ringback.connectors.incoming import xml_data
from ringback.connectors.manifest import ErrorRow, Response
from ringback.connectors.money import money
from ringback.connectors.transport import Answer
from ringback.problems import Failure

_BY_STATUS = {
    401: "unauthorized",
    402: "no_credit",
    403: "unauthorized",
    404: "not_found",
    408: "no_answer",
    429: "throttled",
}
_SENTENCES = {
    "unauthorized": ("{name} does not accept the credentials of this connection.", "Compare them with what the service shows."),
    "no_credit": ("The account at {name} has no credit left.", "Top it up."),
    "not_found": ("{name} knows no such address.", "Check the connection's address settings."),
    "no_answer": ("{name} gave up waiting for the request.", ""),
    "throttled": ("{name} asks us to send more slowly.", "It is tried again later."),
    "server_error": ("{name} has a fault of its own.", "It is tried again later."),
    "opted_out": ("The recipient has opted out at {name}.", "Do not text this number."),
    "invalid_number": ("{name} does not take this number.", "Check the number."),
}  # fmt: skip
_MAY_HAVE_GONE = (
    "{name} had a fault of its own as it took the text, so nobody knows whether it went.",
    "See at {name} whether it did, then say “it went” or “send again”.",
)
_NOTHING_BEGUN = 503
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class SendResult:
    """A message that a gateway took. `status` is one of `manifest.STATUSES`; `raw` is the whole answer.

    `gateway_ids` are all its ids, one for each part where the gateway names parts; `gateway_id` is the first.
    """

    gateway_id: str | None
    status: str
    raw: Any
    cost: str | None = None
    currency: str | None = None
    segments: int | None = None
    gateway_ids: tuple[str, ...] = ()


def sources_of(answer: Answer) -> dict[str, Any]:
    """What paths read from in an answer: `status`, `headers`, `text`, and `body` where it is JSON or XML."""
    text = answer.body.decode("utf-8", "replace")
    body: Any = text
    try:
        kind = answer.headers.get("content-type", "")
        is_xml = "xml" in kind or text.startswith("<?xml")
        body = xml_data(answer.body) if is_xml else json.loads(text)
    except (Failure, ValueError, RecursionError):
        body = text
    return {"status": answer.status, "headers": answer.headers, "text": text, "body": body}


def sent(response: Response, answer: Answer, name: str) -> SendResult:
    """What a gateway answered to a send. Raises the `Failure` of the error table where it did not take it.

    A fault of the gateway's own (5xx) that its table does not know leaves open whether the text went: a proxy
    gave up on it, or the fault came after the text was handed on. 503 alone means that nothing was begun
    (RFC 9110, 15.6.4).
    """
    sources = sources_of(answer)
    if not _is_good(response, answer, sources):
        raise failure(response, answer, sources, name, sending=True)
    word = _read(response.status, sources)
    known = response.statuses.get(str(word).strip().casefold(), "unknown")
    ids = tuple(str(one) for one in as_list(_read(response.id, sources)))
    cost, currency = money(response.cost, sources)
    return SendResult(
        gateway_id=ids[0] if ids else None,
        status="accepted" if word is None else known,
        raw=sources["body"],
        cost=cost,
        currency=currency,
        segments=_whole(_read(response.segments, sources)),
        gateway_ids=ids,
    )


def outputs(response: Response, answer: Answer, name: str) -> dict[str, Any]:
    """The outputs of any other action; one that is not in the answer is None. Raises `Failure` as `sent` does."""
    sources = _held(response, answer, name)
    return {key: pick.read(sources) for key, pick in response.outputs.items()}


def status(response: Response, answer: Answer, name: str, gateway_id: str | None) -> Report:
    """What a gateway answered to a question after a message. Raises `Failure` as `sent` does."""
    return report_of(response, _held(response, answer, name), gateway_id)


def _held(response: Response, answer: Answer, name: str) -> dict[str, Any]:
    sources = sources_of(answer)
    if not _is_good(response, answer, sources):
        raise failure(response, answer, sources, name)
    return sources


def _is_good(response: Response, answer: Answer, sources: Mapping[str, Any]) -> bool:
    return 200 <= answer.status < 300 and response.ok.holds(sources)


def failure(
    response: Response,
    answer: Answer,
    sources: Mapping[str, Any],
    name: str,
    *,
    sending: bool = False,
) -> Failure:
    """The failure that an answer is: the first row of the error table that fits, else by HTTP status."""
    row = next((row for row in response.errors if _fits(row, answer, sources)), None)
    code = row.code if row else _by_status(answer.status)
    said, advice = _SENTENCES.get(code, ("{name} refused the request.", ""))
    if row is None and sending and code == "server_error" and answer.status != _NOTHING_BEGUN:
        code, (said, advice) = "no_answer", _MAY_HAVE_GONE
    if row is None and 300 <= answer.status < 400:
        said, advice = (
            "{name} answered with a redirect, which is not followed.",
            "Set the address it names.",
        )
    message = (row.message if row and row.message else said.format(name=name)).rstrip()
    reason = _reason(response.reason, sources)
    return Failure(
        code,
        f"{message} It said: “{reason}”." if reason else message,
        (row.next if row and (row.next or row.message) else advice.format(name=name)),
        retry_after=_retry_after(response.retry_after, answer, sources),
        detail={"http_status": answer.status, **({"reason": reason} if reason else {})},
    )


def _fits(row: ErrorRow, answer: Answer, sources: Mapping[str, Any]) -> bool:
    return (not row.http or answer.status in row.http) and row.when.holds(sources)


def _by_status(status: int) -> str:
    if status >= 500:
        return "server_error"
    return _BY_STATUS.get(status, "refused")


def _read(pick: Pick | None, sources: Mapping[str, Any]) -> Any:
    return pick.read(sources) if pick else None


def _reason(pick: Pick | None, sources: Mapping[str, Any]) -> str:
    value = _read(pick, sources)
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())[:_LONGEST_REASON].rstrip(".")


def _retry_after(pick: Pick | None, answer: Answer, sources: Mapping[str, Any]) -> float | None:
    written = _read(pick, sources) or answer.headers.get("retry-after")
    if written is None:
        return None
    try:
        return max(0.0, float(written))
    except (TypeError, ValueError):
        pass
    try:
        moment = parsedate_to_datetime(str(written))
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
