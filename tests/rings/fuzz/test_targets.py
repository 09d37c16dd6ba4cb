"""Every target takes its own seeds; fed by coverage where there is time for it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rings.fuzz.targets import TARGETS

SECONDS = os.environ.get("RINGBACK_FUZZ_SECONDS", "")


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_do_no_harm(name: str) -> None:
    fed = 0
    for seed in TARGETS[name].seeds():
        TARGETS[name].feed(seed)
        fed += 1
    assert fed > 2


@pytest.mark.ring
@pytest.mark.skipif(not SECONDS, reason="a long ring: make ring-fuzz")
@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="needs atheris")
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.rings.fuzz.under_atheris", name, "--seconds", SECONDS]
    done = subprocess.run(
        [*command, "--findings", tmp_path], capture_output=True, text=True, check=False
    )
    print(*[line for line in done.stderr.splitlines() if line.startswith("stat::")][:1], sep="\n")
    found = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{found}"
    assert not found
