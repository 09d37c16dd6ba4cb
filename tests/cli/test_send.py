"""`ringback send --dry-run`: what the gate says, what a text takes and costs; nothing is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ringback.cli import commands

PROJECT = """\
project: { name: Harbour School, country: GB, timezone: Europe/London }
connections:
  front-desk:
    uses: mysmsgate
    with: { api_key: sk-planted-0123456789, base_url: "http://127.0.0.1:9" }
    prices: { per: segment, amount: 0.04, currency: GBP, countries: { FR: 0.07 } }
"""


@pytest.mark.parametrize(
    ("to", "text", "code", "said"),
    [
        ("07700 900077", "It’s " + "x" * 80, 0, ["2 SMS", "UCS-2", "“’” is not in GSM-7", "U+2019 right single quotation mark", "with plain quotes 1 SMS", "0.08 GBP"]),
        ("07700 900077", "Hi", 0, ["✓ number", "✓ repeat", "1 SMS", "0.04 GBP", "Nothing was sent"]),
        ("+33612345678", "x" * 161, 0, ["2 SMS", "0.14 GBP (FR)"]),
        ("12", "Hi", 1, ["✗ number", "is not a phone number"]),
    ],
)  # fmt: skip
def test_dry_run(tmp_path: Path, to: str, text: str, code: int, said: list[str]) -> None:
    (tmp_path / "ringback.yaml").write_text(PROJECT)
    arguments = ["send", "--to", to, "--text", text, "--dry-run", "--project", str(tmp_path)]
    shown = CliRunner().invoke(commands, arguments)
    assert (shown.exit_code != 0) == bool(code), shown.output
    for one in said:
        assert one in shown.output
    listed = CliRunner().invoke(commands, ["runs", "--project", str(tmp_path)])
    assert "No run yet." in listed.output
