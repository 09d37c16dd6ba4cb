"""Secrets that are typed or piped in: never shown, never an argument, which others on the machine could read."""

from __future__ import annotations

import sys

import click

from ringback.problems import Failure


def ask(what: str, *, twice: bool = False) -> str:
    """A secret from the terminal without echo, else the first line of standard input."""
    if sys.stdin.isatty():
        said: str = click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
        return said
    line = sys.stdin.readline()
    if not line.strip():
        raise Failure("invalid_input", f"Nothing came for: {what}.", "Type it at a terminal, or pipe it in as one line.")  # fmt: skip
    return line.rstrip("\r\n")


def ask_whole(what: str) -> str:
    """As `ask`, but all of standard input, for secrets of several lines."""
    if sys.stdin.isatty():
        return ask(what, twice=True)
    said = sys.stdin.read().strip("\r\n")
    if not said.strip():
        raise Failure("invalid_input", f"Nothing came for: {what}.", "Type it at a terminal, or pipe it in.")  # fmt: skip
    return said
