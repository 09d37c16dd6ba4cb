"""`python -m ringback` is the `ringback` command."""

from __future__ import annotations

from ringback.cli import main

if __name__ == "__main__":
    main()
