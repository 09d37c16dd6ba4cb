"""Draws demo.svg from a real `ringback demo`: python docs/pictures/make_demo.py"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 132
FONT_LINKS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "ringback", "demo"],
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi("$ ringback demo\n" + told.rstrip()))
    drawn = console.export_svg(title="ringback demo", unique_id="demo")
    Path(__file__).with_name("demo.svg").write_text(FONT_LINKS.sub("", drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
