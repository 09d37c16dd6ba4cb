"""The signature doctor: which change of settings would have let a refused callback in.

It only tries: nothing is fetched, nothing is changed, no secret is shown, and the work has a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from ringback.connectors import values, verify
from ringback.connectors.incoming import IncomingRequest
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify.guesses import describe, guesses
from ringback.connectors.verify.refused import Refused, secrets_of
from ringback.connectors.verify.signed_addresses import SignedAddress, signed_addresses
from ringback.problems import Failure

MOST_TRIES = 500
"""Checks that one diagnosis makes at most of the manifest's schemes, and once more of others."""
MOST_BYTES = 1_000_000
"""Bytes that those checks look at in all: a long request, which a stranger may make as slow as he likes, gets fewer."""
_MOST_ADDRESSES = 60
_MOST_FINDINGS = 3
_MASKED = "•••"
_OFFLINE = {"certificate_hosts": ""}
"""Without hosts that certificates may come from, none is fetched."""


class Finding(TypedDict):
    """One change that would have let the callback in.

    `change` is for a machine: `{"public_url": …}`, `{"address": …}`, `{"secret": <label>}`, `{"clock": true}` or
    `{"verify": {options}}`, or several of these; empty where something keeps us from trying. `sentence` is for the operator.
    """

    change: dict[str, Any]
    sentence: str


@dataclass
class _Trials:
    """Counts the checks; beyond the bound nothing passes any more."""

    left: int
    findings: list[Finding] = field(default_factory=list)

    def passes(self, entry: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        scheme = verify.SCHEMES[entry["scheme"]]
        offline = {**entry, **_OFFLINE}
        try:
            if not scheme.configured(offline):
                return False
            scheme.check(offline, request, now_ms)
        except (Refused, Failure, ValueError):
            return False
        return True

    def add(self, change: dict[str, Any], sentence: str) -> None:
        if len(self.findings) < _MOST_FINDINGS and all(
            one["change"] != change for one in self.findings
        ):
            self.findings.append({"change": change, "sentence": sentence})


def secrets_by_name(
    connections: Mapping[str, tuple[Manifest, Mapping[str, Any]]],
) -> dict[str, str]:
    """A project's secrets by names that its operator knows: `api_key of front-desk`."""
    named: dict[str, str] = {}
    for connection, (manifest, settings) in connections.items():
        for setting, field_ in manifest.settings.items():
            found = sorted(values.secret_values({setting: field_}, settings))
            for number, secret in enumerate(found, 1):
                which = setting if len(found) == 1 else f"{setting} {number}"
                named[f"{which} of {connection}"] = secret
    return named


def diagnose(
    manifest: Manifest,
    settings: Mapping[str, Any],
    request: IncomingRequest,
    now_ms: int,
    *,
    public_url: str = "",
    secrets: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Which changes would have let a refused callback in, the likeliest first; empty where none was found.

    Args:
        settings: the connection's, with its secrets.
        request: the callback as it arrived: its headers too, since proxies say there what they changed.
        now_ms: when it arrived.
        public_url: the project's address now.
        secrets: the project's secrets by name (`secrets_by_name`); their values are never shown.
    """
    if public_url:
        request = replace(request, url=verify.public_address(public_url, request))
    trials = _Trials(_most_tries(request))
    entries = [one for one in verify.options(manifest, settings) if one["scheme"] != "none"]
    live = [one for one in entries if verify.SCHEMES[one["scheme"]].configured(one)]
    others = dict(secrets or {})
    failing = [one for one in live if not trials.passes(one, request, now_ms)]
    if live and not failing:
        trials.add({}, "Verifies with the settings as they are now: it can be replayed.")
    for entry in failing:
        attempts = _attempts(entry, request, others)
        found = next((one for one in attempts if one.holds(trials, now_ms)), None)
        if found is not None:
            trials.add(found.change, found.said(now_ms))
        else:
            _say_what_was_hidden(trials, entry, request)
    if not live:
        _unset(trials, entries, request, now_ms, others)
    if not trials.findings:
        _guessed(trials, live, request, now_ms, others)
    return trials.findings


def _most_tries(request: IncomingRequest) -> int:
    return min(MOST_TRIES, MOST_BYTES // (len(request.body) + len(request.url) + 1))


@dataclass(frozen=True)
class _Attempt:
    """A scheme's options and a request that may fit, and what an operator would have to do for it."""

    options: Mapping[str, Any]
    request: IncomingRequest
    change: dict[str, Any]
    sentence: str

    def holds(self, trials: _Trials, now_ms: int) -> bool:
        late = _LATE if self.change.get("clock") else {}
        return trials.passes({**self.options, **late}, self.request, now_ms)

    def said(self, now_ms: int) -> str:
        if not self.change.get("clock"):
            return self.sentence
        return f"{self.sentence} {_clock(self.options, self.request, now_ms)}".strip()


_LATE = {"tolerance": "3650 days", "leeway": "3650 days"}


def _attempts(
    entry: Mapping[str, Any], request: IncomingRequest, others: Mapping[str, str]
) -> Iterator[_Attempt]:
    """What might let one scheme hold: a single change before two at once."""
    addresses = [
        (*_address(one), replace(request, url=one.url))
        for one in signed_addresses(request, _MOST_ADDRESSES)
    ]
    replaced = list(_other_secrets(entry, others))
    yield _Attempt(entry, request, {"clock": True}, "")
    for change, sentence, there in addresses:
        yield _Attempt(entry, there, change, sentence)
    for label, change, other in replaced:
        yield _Attempt(other, request, change, f"Would verify with {label}.")
    for change, sentence, there in addresses:
        yield _Attempt(entry, there, {**change, "clock": True}, sentence)
    for label, change, other in replaced:
        said = f"Would verify with {label}."
        yield _Attempt(other, request, {**change, "clock": True}, said)
        for where, sentence, there in addresses[: _MOST_ADDRESSES // 3]:
            both = f"{sentence.rstrip('.')}, and use {label}."
            yield _Attempt(other, there, {**where, **change}, both)


def _address(one: SignedAddress) -> tuple[dict[str, Any], str]:
    if one.public_url is not None:
        said = f"Would verify {one.words}: set `public_url` to {one.public_url}."
        return {"public_url": one.public_url}, said
    bare = one.url.partition("?")[0]
    said = (
        f"Would verify {one.words}: the gateway signed {bare}, which is not what arrived. "
        "Give it exactly our address, and let no proxy change it."
    )
    return {"address": bare}, said


def _clock(entry: Mapping[str, Any], request: IncomingRequest, now_ms: int) -> str:
    try:
        verify.SCHEMES[entry["scheme"]].check({**entry, **_OFFLINE}, request, now_ms)
    except (Refused, Failure) as refused:
        return (
            f"The signature itself is right. {refused} Check the clock of this machine; an old callback that "
            "somebody sends once more is refused on purpose."
        )
    return "The signature itself is right."


def _other_secrets(
    entry: Mapping[str, Any], others: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The scheme with another secret: a label for the sentence, the change, and the options."""
    key = {"ed25519": "public_key", "sns": "topic"}.get(entry["scheme"], "secret")
    own = secrets_of(entry, key)
    bare = [one.strip() for one in own if one != one.strip()]
    if bare:
        label = "the blanks around the secret taken away"
        yield label, {key: "without blanks"}, {**entry, key: bare}
    for label, secret in others.items():
        if secret and secret not in own:
            yield f"another secret: {label}", {key: label}, {**entry, key: secret}


def _unset(
    trials: _Trials,
    entries: list[dict[str, Any]],
    request: IncomingRequest,
    now_ms: int,
    others: Mapping[str, str],
) -> None:
    for entry in entries:
        for label, change, other in _other_secrets(entry, others):
            if trials.passes(other, request, now_ms):
                trials.add(
                    change,
                    f"Would verify if the connection had a secret: {label.partition(': ')[2]}.",
                )
                break


def _guessed(
    trials: _Trials,
    live: list[dict[str, Any]],
    request: IncomingRequest,
    now_ms: int,
    others: Mapping[str, str],
) -> None:
    """Schemes that the request looks like, with every secret that is known."""
    trials.left = _most_tries(request)
    known = [("the secret of this connection", one) for entry in live for one in secrets_of(entry)]
    before = live[0] if live else {}
    for options in guesses(request):
        same = before if before.get("scheme") == options["scheme"] else {}
        for label, secret in [*known, *others.items()]:
            if trials.passes({**options, "secret": secret, **_LATE}, request, now_ms):
                said = f"Would verify with {describe(options, same)}, under {label}."
                trials.add({"verify": options, "secret": label}, said)
                return


def _say_what_was_hidden(
    trials: _Trials, entry: Mapping[str, Any], request: IncomingRequest
) -> None:
    name = str(entry.get("header") or "authorization").lower()
    if _MASKED in request.headers.get(name, ""):
        trials.add({}, f"The {name} header was not kept, so what it held cannot be tried.")
    elif _MASKED in request.url:
        trials.add(
            {},
            "The address was kept without its secret, so what was signed over it cannot be tried.",
        )
