"""The providers' own signatures. RINGBACK_SIGNATURE_VECTORS names another file of the same shape."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.catalogue import vectors

from ringback.connectors.verify import SCHEMES, Refused

OWN = vectors.load(vectors.CASES / "signature_vectors.json")
FURTHER = vectors.load(vectors.CASES / "more_signature_vectors.json")
MORE = os.environ.get("RINGBACK_SIGNATURE_VECTORS")
OTHERS = vectors.load(Path(MORE)) if MORE else []


def test_there_are_as_many_as_were_collected() -> None:
    assert (len(OWN), len(FURTHER)) == (42, 15)
    assert {vector["valid"] for vector in OWN} == {True, False}
    tokens = [vector.get("token") or vector.get("expected") or str(vector.get("headers")) for vector in OWN + FURTHER]  # fmt: skip
    places = [(token, vector.get("url") or vector.get("request_url"), str(vector.get("params")), vector.get("raw_body"), str(vector.get("query_params")), vector.get("secret")) for token, vector in zip(tokens, OWN + FURTHER, strict=True)]  # fmt: skip
    assert len(set(places)) == len(places), "a vector is there twice"


@pytest.mark.parametrize("vector", OWN + FURTHER + OTHERS, ids=vectors.title)
def test_vector(vector: dict[str, Any]) -> None:
    one = vectors.ready(vector)
    scheme = SCHEMES[one.options["scheme"]]
    if one.valid:
        scheme.check(one.options, one.request, one.now_ms)
    else:
        with pytest.raises(Refused):
            scheme.check(one.options, one.request, one.now_ms)
