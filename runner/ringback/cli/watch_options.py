"""How a command without doors lets itself be watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ringback.engine.runtime import Runtime

F = TypeVar("F", bound=Callable[..., Any])


def options(function: F) -> F:
    """The `--metrics-port` and `--metrics-host` options; hand what they give to `watched`."""
    port = click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        help="Serve this process's /metrics on this port. Default: not at all.",
    )
    host = click.option(
        "--metrics-host",
        default="127.0.0.1",
        show_default=True,
        help="The address for --metrics-port.",
    )
    return port(host(function))


@contextmanager
def watched(runtime: Runtime, host: str, port: int | None) -> Iterator[None]:
    """Serve the figures of this process while the body runs, where a port was given."""
    if port is None:
        yield
        return
    from ringback.cli import console
    from ringback.web.metrics import serve_metrics

    address, end = serve_metrics(runtime, host, port)
    console.mark("note", f"Figures on {address}")
    try:
        yield
    finally:
        end()
