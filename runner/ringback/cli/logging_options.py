"""How a command that keeps running writes its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ringback.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def options(function: F) -> F:
    """The `--log-format` and `--log-level` options; hand what they give to `chosen`."""
    level = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        help="The least that is logged. Default: log.level of ringback.yaml, else info.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        help="Lines to read, or a JSON object a line. Default: log.format of ringback.yaml, else text.",
    )
    return form(level(function))


def chosen(settings: Settings, log_format: str | None, log_level: str | None) -> Settings:
    """The settings with what was asked for on the command line."""
    rules = replace(
        settings.log,
        form=log_format or settings.log.form,
        level=(log_level or settings.log.level).upper(),
    )
    return replace(settings, log=rules)
