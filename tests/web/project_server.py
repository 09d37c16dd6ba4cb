"""Serves the project in the folder given, on a free port, and prints its address."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ringback.engine.runtime import open_runtime
from ringback.settings import load_settings
from ringback.web import patience
from ringback.web.server import serve
from ringback.worker import LocalExecutor


def main(folder: str) -> None:
    patience._BEHIND_S = float(os.environ.get("PATIENCE_S", patience._BEHIND_S))
    runtime = open_runtime(load_settings(Path(folder), os.environ), executor=LocalExecutor(2))
    serve(runtime, port=0, ready=lambda address: print(address, flush=True))


if __name__ == "__main__":
    main(sys.argv[1])
