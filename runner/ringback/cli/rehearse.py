"""`ringback rehearse`: the stand-in gateway by itself."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringback.cli import console, project
from ringback.problems import Failure
from ringback.words import duration_ms

if TYPE_CHECKING:
    from ringback.rehearsal.gateway import Rehearsal


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8099, show_default=True, type=click.IntRange(0, 65535), help="The port."
)
@click.option(
    "--delay",
    default="400 ms",
    show_default=True,
    help="The time between one delivery report and the next.",
)
@click.option(
    "--connection",
    "connections",
    multiple=True,
    metavar="NAME",
    help="Only this connection's gateway; repeatable.",
)
@click.option(
    "--connector", metavar="ID", help="Outside a project: the connector whose gateway to play."
)
@click.option(
    "--callbacks",
    metavar="URL",
    help="Where reports and incoming texts go. Default: the project's own callback address.",
)
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="With --connector: one of its settings, such as a secret; repeatable.",
)
@click.option(
    "--always",
    default="",
    metavar="ENDING",
    help="Every number behaves as one with this ending, such as 0011.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append each text taken to this file, a line of JSON each.",
)
@project.option
def command(
    host: str,
    port: int,
    delay: str,
    connections: tuple[str, ...],
    connector: str | None,
    callbacks: str | None,
    given: tuple[str, ...],
    always: str,
    log: Path | None,
    where: Path | None,
) -> None:
    """Stand in for the project's SMS gateways: take sends, answer like them, sign and deliver reports.

    Some numbers misbehave, by their last four digits; the page at the address lists them, shows what was
    sent, and lets a phone text in. No text leaves this machine.

    \b
    Example:
      ringback rehearse
      ringback rehearse --port 9000 --delay "2 seconds"
      ringback rehearse --always 0011
    """
    from ringback.rehearsal.server import RehearsalServer

    try:
        delay_ms = duration_ms(delay)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    if connector is not None:
        rehearsals = [_by_itself(connector, callbacks, given, delay_ms)]
    else:
        rehearsals = _of_project(where, connections, callbacks, delay_ms)
    server = RehearsalServer(rehearsals, log=log)
    try:
        server.always(always)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    try:
        # The server itself would print its own words and end the process.
        socket.create_server((host, port)).close()
        address = server.start(host, port)
    except OSError as error:
        raise Failure(
            "refused",
            f"Nothing can listen on {host}:{port}: {error.strerror or error}.",
            "Choose another with --port.",
        ) from None
    with _until_asked_to_stop() as stop:
        _say(address, rehearsals)
        stop.wait()
    server.stop()


def _of_project(
    where: Path | None, connections: tuple[str, ...], callbacks: str | None, delay_ms: int
) -> list[Rehearsal]:
    """A stand-in for each of the project's gateways, or for the named ones."""
    from ringback.clock import SystemClock
    from ringback.connectors.catalogue import load_catalogue
    from ringback.rehearsal.project import rehearsals_of, rehearsed
    from ringback.settings import load_settings

    folder = project.folder(where)
    catalogue = load_catalogue(folder)
    settings = load_settings(folder, os.environ, allow_unset=True)
    settings = rehearsed(settings, catalogue)
    console.hide(settings.secrets)
    made = rehearsals_of(
        settings, catalogue, SystemClock(), connections=connections, delay_ms=delay_ms
    )
    for one in made:
        one.callback_url = callbacks or one.callback_url
    return made


def _by_itself(
    connector: str, callbacks: str | None, given: tuple[str, ...], delay_ms: int
) -> Rehearsal:
    """A stand-in for one connector's gateway, with settings from the command line; without a key it takes any."""
    from ringback.clock import SystemClock
    from ringback.connectors.catalogue import load_catalogue
    from ringback.rehearsal.gateway import Rehearsal

    manifest = load_catalogue().connectors.get(connector)
    if manifest is None:
        raise Failure(
            "not_found", f"There is no connector {connector}.", "`ringback connectors` lists them."
        )
    settings: dict[str, Any] = {}
    for name, _, value in (pair.partition("=") for pair in given):
        field = manifest.settings.get(name)
        if field is None:
            known = ", ".join(manifest.settings)
            raise Failure(
                "invalid_input", f"{connector} has no setting {name}.", f"It has: {known}."
            )
        settings[name] = [value] if field.type == "list" else value
    console.hide(
        value
        for name, value in settings.items()
        if isinstance(value, str) and manifest.settings[name].type == "secret"
    )
    url = callbacks or f"http://127.0.0.1:8080/callbacks/{connector}"
    return Rehearsal(manifest, settings, url, SystemClock(), delay_ms=delay_ms)


def _say(address: str, rehearsals: list[Rehearsal]) -> None:
    console.heading(f"The rehearsal gateway is on {address}")
    for one in rehearsals:
        console.mark(
            "note", f"{one.connection} ({one.manifest.name})", f"calls back {one.callback_url}"
        )
    console.say("Ctrl-C ends it.")


@contextmanager
def _until_asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
