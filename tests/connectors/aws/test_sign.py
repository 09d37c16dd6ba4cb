"""AWS Signature Version 4, against AWS's own published test suite (aws-sig-v4-test-suite)."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from ringback.clock import from_ms
from ringback.connectors import loading
from ringback.connectors.catalogue import load_catalogue
from ringback.problems import Failure

AWS = load_catalogue().connectors["aws"]
SIGN = loading.named(AWS, "sign")
MODULE = importlib.import_module(SIGN.__module__)
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SCOPE = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
MOMENT = {"X-Amz-Date": "20150830T123600Z"}
SETTINGS = {"access_key_id": KEYS[0], "secret_access_key": KEYS[1], "region": "eu-west-1"}


def test_the_suites_plain_request() -> None:
    request = {"method": "GET", "url": "https://example.amazonaws.com/", "headers": MOMENT, "body": b""}  # fmt: skip
    said = MODULE.authorization(request, KEYS, "us-east-1", "service")
    assert said == (
        f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def signed(settings: dict[str, Any], url: str = "https://sms-voice.eu-west-1.amazonaws.com/", body: bytes = b"{}") -> dict[str, str]:  # fmt: skip
    context: Any = SimpleNamespace(now=lambda: from_ms(1_782_657_005_000))
    request = {"method": "POST", "url": url, "headers": {"Content-Type": "application/x-amz-json-1.0"}, "body": body}  # fmt: skip
    return SIGN({**request, "settings": settings}, context)


def test_what_is_signed() -> None:
    headers = signed(SETTINGS)
    assert headers["X-Amz-Date"] == "20260628T143005Z"
    assert "eu-west-1/sms-voice/aws4_request, SignedHeaders=content-type;host;x-amz-date," in headers["Authorization"]  # fmt: skip
    assert headers["Authorization"] != signed(SETTINGS, body=b"[]")["Authorization"]
    temporary = signed({**SETTINGS, "session_token": "t1"})
    assert temporary["X-Amz-Security-Token"] == "t1"
    assert "x-amz-security-token" in temporary["Authorization"]
    assert KEYS[1] not in str(headers)


def test_region_and_address_must_fit() -> None:
    with pytest.raises(Failure) as caught:
        signed({**SETTINGS, "region": "us-east-1"})
    assert caught.value.code == "invalid_input"
    assert signed({**SETTINGS, "region": "us-east-1"}, "http://127.0.0.1:8099/")
