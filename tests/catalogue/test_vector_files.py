"""The files that RINGBACK_SIGNATURE_VECTORS and RINGBACK_SEGMENT_VECTORS name are read, every vector of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent.parent
KINDS = {
    "RINGBACK_SIGNATURE_VECTORS": ("catalogue/cases/signature_vectors.json", "catalogue/test_vectors.py"),
    "RINGBACK_SEGMENT_VECTORS": ("sms/segment_vectors.json", "sms/test_segments.py"),
}  # fmt: skip


def broken(vector: dict[str, Any]) -> dict[str, Any]:
    """The vector with the opposite, or another count, as its answer."""
    if "valid" in vector:
        return {**vector, "name": "broken", "valid": not vector["valid"]}
    return {**vector, "name": "broken", "segments": vector["segments"] + 1}


@pytest.mark.parametrize("variable", KINDS)
@pytest.mark.parametrize("wrong", [False, True])
def test_another_file_is_read(variable: str, wrong: bool, tmp_path: Path) -> None:
    file, tests = KINDS[variable]
    first, last = [json.loads((TESTS / file).read_text("utf-8"))["vectors"][at] for at in (0, -1)]
    own = {**last, "name": "one more of ours"}
    other = tmp_path / "vectors.json"
    other.write_text(json.dumps({"vectors": [own, broken(first)] if wrong else [own]}))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-k", "broken or ours", str(TESTS / tests)],
        env={**os.environ, variable: str(other)}, cwd=TESTS.parent, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == (1 if wrong else 0), ran.stdout + ran.stderr
    assert ("1 failed, 1 passed" if wrong else "1 passed") in ran.stdout
