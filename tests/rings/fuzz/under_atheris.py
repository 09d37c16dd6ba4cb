"""Feeds one target by coverage until the time is up: `python -m tests.rings.fuzz.under_atheris yaml --seconds 60`.

Leaves with 0 where nothing was found; else libFuzzer prints the traceback and the input, and leaves with its own code.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import tempfile
from pathlib import Path

import atheris

SLOWEST_S = 25
"""One input may take no longer; documents have 5 seconds of processor time, and instrumented code is slower."""
MOST_MEMORY_MB = 2_000


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("target")
    asked.add_argument("--seconds", type=int, default=120)
    asked.add_argument("--findings", type=Path, help="where inputs that broke something are put")
    given = asked.parse_args()
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(
        include=["ringback", "ringback_connectors", "tests.rings.fuzz", "jinja2"]
    ):
        from tests.rings.fuzz.targets import TARGETS, load_connectors

        load_connectors()
    target = TARGETS[given.target]
    with tempfile.TemporaryDirectory(prefix="ringback-fuzz-") as folder:
        for seed in target.seeds():
            (Path(folder) / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
        findings = given.findings or Path(tempfile.mkdtemp(prefix="ringback-findings-"))
        findings.mkdir(parents=True, exist_ok=True)
        atheris.Setup(
            [
                sys.argv[0], folder, f"-max_total_time={given.seconds}", f"-timeout={SLOWEST_S}",
                f"-rss_limit_mb={MOST_MEMORY_MB}", f"-max_len={target.longest}", f"-artifact_prefix={findings}/",
                "-print_final_stats=1", "-verbosity=1", "-close_fd_mask=0",
            ],
            target.feed,
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main()
