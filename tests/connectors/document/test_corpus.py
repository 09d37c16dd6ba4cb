"""Real Word files, of the folder that RINGBACK_DOCX_CORPUS names: each is read, or refused with a reason."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from tests.connectors.document.modules import Given, extract, module

from ringback.problems import Failure

CORPUS = os.environ.get("RINGBACK_DOCX_CORPUS", "")
FIELDS = {
    "name": {"label": ["Name", "Student name"]},
    "phone": {"label": "Phone", "type": "phone"},
    "date": {"label": "Date", "type": "date"},
    "rows": {"table": {"name": "Name", "total": {"label": "Total", "type": "money"}}},
}

pytestmark = pytest.mark.skipif(
    not CORPUS, reason="RINGBACK_DOCX_CORPUS names no folder of Word files"
)


def test_every_file_is_read_or_refused_with_a_reason(tmp_path: Path) -> None:
    read, refused, slowest = 0, dict[str, str](), (0.0, "")
    for path in sorted(Path(CORPUS).iterdir()):
        started = time.thread_time()
        try:
            survey = module("survey").survey_file(path, comments=True)
            json.dumps(survey)
            json.dumps(extract(tmp_path, path.read_bytes(), FIELDS, comments=True))
            module("text").text({"file": {"name": path.name}}, Given(path.parent))
            read += 1
        except Failure as failure:
            refused[path.name] = failure.message if failure.code == "document_refused" else ""
        slowest = max(slowest, (time.thread_time() - started, path.name))
    print(f"{read} read, {len(refused)} refused, slowest {slowest[0]:.3f} s ({slowest[1]})")
    for name, reason in refused.items():
        print(f"  {name}: {reason}")
    assert all(refused.values())
    assert read > 10 * len(refused)
    assert slowest[0] < 5
