"""Files of incoming texts: who sees our credentials, and who does not."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.connectors.catalogue import load_catalogue
from ringback.connectors.media import fetch, own_headers
from ringback.connectors.transport import Answer, Call
from ringback.problems import Failure

TWILIO = load_catalogue().connectors["twilio"]
SETTINGS = {
    "account_sid": "AC1",
    "auth_token": "planted-token",
    "base_url": "https://api.dublin.ie1.twilio.com",
}
OURS = {"Authorization": "Basic " + base64.b64encode(b"AC1:planted-token").decode()}
FILE = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


class Net:
    """Answers by address, and keeps what was asked."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.answers[call.url]


def test_the_gateway_knows_us_and_the_store_that_it_sends_us_to_does_not() -> None:
    store = "https://mms.twiliocdn.com/ME1?signed=1"
    net = Net({FILE: Answer(307, {"location": store}, b""), store: Answer(200, {}, b"photo")})
    assert fetch(FILE, TWILIO, SETTINGS, net, limit=10) == b"photo"
    asked, sent_on = net.calls
    assert (asked.headers["Authorization"], asked.guard) == (OURS["Authorization"], False)
    assert ("Authorization" in sent_on.headers, sent_on.guard) == (False, True)
    assert {call.redirects for call in net.calls} == {0}
    assert {call.max_answer for call in net.calls} == {10}


def test_a_redirect_back_home_is_looked_at_anew() -> None:
    near = "/2010-04-01/other"
    net = Net({
        FILE: Answer(302, {"location": near}, b""),
        "https://api.twilio.com/2010-04-01/other": Answer(200, {}, b"x"),
    })  # fmt: skip
    assert fetch(FILE, TWILIO, SETTINGS, net, limit=10) == b"x"
    assert net.calls[1].headers["Authorization"] == OURS["Authorization"]


@pytest.mark.parametrize(
    "url",
    [FILE, "https://API.twilio.com:443/x", "https://api.dublin.ie1.twilio.com/x"],
)
def test_the_gateways_own_addresses(url: str) -> None:
    assert own_headers(url, TWILIO, SETTINGS) == OURS


@pytest.mark.parametrize(
    "url",
    [
        "http://api.twilio.com/x",
        "https://api.twilio.com:8443/x",
        "https://api.twilio.com.evil.example/x",
        "https://evil-api.twilio.com/x",
        "https://api.twilio.com@evil.example/x",
        "https://evil.example@api.twilio.com/x",
        "https://evil.example\\@api.twilio.com/x",
        "https://evil.example/#@api.twilio.com/",
        "https://evil.example?https://api.twilio.com/",
        "//api.twilio.com/x",
        "ftp://api.twilio.com/x",
        "https://[::1]/x",
        "https://",
        "",
    ],
)
def test_other_addresses(url: str) -> None:
    assert own_headers(url, TWILIO, SETTINGS) is None


@given(st.text(max_size=40), st.sampled_from(["https://", "https://api.twilio.com", ""]))
def test_no_wild_address_gets_our_credentials_to_another_host(wild: str, head: str) -> None:
    url = head + wild
    if own_headers(url, TWILIO, SETTINGS) is not None:
        from urllib3.util import parse_url

        assert parse_url(url).host in ("api.twilio.com", "api.dublin.ie1.twilio.com")


def test_an_endless_chain_ends() -> None:
    net = Net({FILE: Answer(302, {"location": FILE}, b"")})
    with pytest.raises(Failure, match="redirected more than 3 times"):
        fetch(FILE, TWILIO, SETTINGS, net, limit=10)


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "server_error"), (500, "server_error"), (429, "server_error"), (401, "unauthorized"), (410, "refused")],
)  # fmt: skip
def test_what_an_answer_means(status: int, code: str) -> None:
    with pytest.raises(Failure) as said:
        fetch(FILE, TWILIO, SETTINGS, Net({FILE: Answer(status, {}, b"")}), limit=10)
    assert said.value.code == code


def test_every_gateway_that_shows_who_it_is_names_its_hosts() -> None:
    specs = {
        manifest.id: spec.media
        for manifest in load_catalogue().connectors.values()
        for spec in (manifest.callbacks.inbound if manifest.callbacks else ())
        if spec.media and spec.media.auth
    }
    assert set(specs) >= {"twilio", "plivo", "messagebird", "bird", "infobip"}
    assert all("{{ settings.base_url }}" in media.hosts for media in specs.values())
