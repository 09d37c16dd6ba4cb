"""The providers' own SDKs, where they are installed: what they sign our schemes take, and the other way round."""

from __future__ import annotations

import importlib
import json
import random
import time
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.catalogue import vectors
from tests.rings.kannel import until
from tests.rings.needed import absent

from ringback.clock import SystemClock
from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.incoming import incoming
from ringback.connectors.transport import Answer, Call
from ringback.connectors.verify import SCHEMES, Refused
from ringback.rehearsal.gateway import Rehearsal
from ringback.rehearsal.project import stand_in_settings
from ringback.rehearsal.server import RehearsalServer

pytestmark = pytest.mark.ring
FORM = {"Content-Type": vectors.FORM}
ADDRESSES = ("https://x.example/cb", "http://x.example:8080/cb", "https://u:p@x.example/cb")
PLAIN = "abc XYZ&='%+/.:~!*()\"-_1"
SECRET = "0123456789abcdef0123456789abcdef"


def sdk(name: str) -> Any:
    """A module of an SDK; where it is not installed the ring is absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            absent(f"{error.name} is not installed: pip install -e '.[rings]'")


def options(scheme: str) -> dict[str, Any]:
    row = next(one for one in vectors.SCHEMES if one["names"] == scheme)
    return {**row["options"], "secret": SECRET}


def asked(letters: str = PLAIN, count: int = 300) -> Iterator[tuple[str, dict[str, str]]]:
    """Addresses with a query, and form fields of distinct names."""
    chance = random.Random(7)

    def pairs() -> dict[str, str]:
        word = ["".join(chance.choices(letters, k=chance.randint(0, 8))) for _ in range(4)]
        return {f"{chance.choice('ab')}{number}": one for number, one in enumerate(word)}

    for _ in range(count):
        query, base = urlencode(pairs()), chance.choice(ADDRESSES)
        yield f"{base}?{query}" if chance.random() < 0.7 else base, pairs()


def check(options: dict[str, Any], *request: Any) -> None:
    """It is let in as it is, and not with a form field more."""
    scheme, now_ms = SCHEMES[options["scheme"]], round(time.time() * 1000)
    scheme.check(options, incoming(*request), now_ms)
    if len(request) == 4 and FORM["Content-Type"] in request[2].values():
        with pytest.raises(Refused):
            scheme.check(options, incoming(*request[:3], request[3] + b"&z=1"), now_ms)


def test_twilio() -> None:
    validator = sdk("twilio.request_validator").RequestValidator(SECRET)
    for url, form in asked(PLAIN + "é€😀"):
        header = {"X-Twilio-Signature": validator.compute_signature(url, form)}
        check(options("twilio*"), "POST", url, {**FORM, **header}, urlencode(form).encode())


def test_plivo_v2() -> None:
    utils, scheme = sdk("plivo.utils"), SCHEMES["hmac"]
    for url, _ in asked():
        headers = scheme.sign(options("plivo.v2*"), incoming("POST", url, {}), 1).headers
        nonce, made = headers["x-plivo-signature-v2-nonce"], headers["x-plivo-signature-v2"]
        assert utils.validate_signature(url, nonce, made, SECRET)


def test_plivo_v3() -> None:
    v3, nonce = sdk("plivo.utils.signature_v3"), b"777"
    for url, form in asked():
        posted = v3.get_signature_v3(SECRET.encode(), v3.construct_post_url(url, dict(form)), nonce)
        got = v3.get_signature_v3(SECRET.encode(), v3.construct_get_url(url, {}), nonce)
        for method, made, kind, body in (("POST", posted, FORM, urlencode(form).encode()), ("GET", got, {}, b"")):  # fmt: skip
            header = {"X-Plivo-Signature-V3": f"AAAA,{made.decode()}", "X-Plivo-Signature-V3-Nonce": "777"}  # fmt: skip
            check(options("plivo.v3*"), method, url, {**kind, **header}, body)


def test_messagebird() -> None:
    validator = sdk("messagebird.request_validator").RequestValidator(SECRET)
    for url, form in asked(PLAIN + "é", count=50):
        body = json.dumps(form).encode()
        request = incoming("POST", url, {}, body)
        signed = SCHEMES["jwt"].sign(
            options("messagebird.jwt*"), request, round(time.time() * 1000)
        )
        validator.validate_signature(signed.headers["messagebird-signature-jwt"], url, body)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_vonage_parameters(algorithm: str) -> None:
    auth = sdk("vonage_http_client.auth").Auth(
        api_key="k", api_secret="s", signature_secret=SECRET, signature_method=algorithm
    )
    for url, form in asked(PLAIN + "é"):
        stamped = {**form, "timestamp": str(int(time.time()))}
        body = urlencode({**stamped, "sig": auth.sign_params(dict(stamped))}).encode()
        check({**options("vonage*"), "algorithm": algorithm}, "POST", url, FORM, body)


def test_vonage_token() -> None:
    verify_signature = sdk("vonage_jwt").verify_signature
    request = incoming("POST", ADDRESSES[0], {}, b"{}")
    signed = SCHEMES["jwt"].sign(options("vonage.*jwt*"), request, round(time.time() * 1000))
    assert verify_signature(signed.headers["authorization"].removeprefix("Bearer "), SECRET)


class Nobody:
    """Takes the callbacks, which are not the subject here."""

    def send(self, call: Call) -> Answer:
        return Answer(200, {}, b"", call.url)


def test_smsgates_own_client_drives_the_rehearsed_one() -> None:
    """It sends, reads the answer, and asks until the message is delivered; a wrong password is refused."""
    client, domain = sdk("android_sms_gateway.client"), sdk("android_sms_gateway.domain")
    unauthorized = sdk("android_sms_gateway.errors").UnauthorizedError
    manifest = load_catalogue().connectors["smsgate"]
    settings = stand_in_settings(manifest, {})
    rehearsal = Rehearsal(manifest, settings, "https://x.example/cb", SystemClock(), connection="phone", delay_ms=20)  # fmt: skip
    server = RehearsalServer([rehearsal], transport=Nobody())
    address, (name, password) = server.start(), (settings["username"], settings["password"])
    text = domain.TextMessage("Your car is ready.")
    message = domain.Message(phone_numbers=["+447700900077"], text_message=text, with_delivery_report=True)  # fmt: skip
    delivered, pending = domain.ProcessState.Delivered, domain.ProcessState.Pending
    try:
        with client.APIClient(name, password, base_url=address) as phone:
            taken = phone.send(message)
            assert taken.state == pending
            until("it is delivered", lambda: phone.get_state(taken.id).state == delivered)
        with (
            client.APIClient(name, "wrong", base_url=address) as phone,
            pytest.raises(unauthorized),
        ):
            phone.send(message)
    finally:
        server.stop()
    assert [(one["to"], one["text"]) for one in server.taken] == [("+447700900077", text.text)]
