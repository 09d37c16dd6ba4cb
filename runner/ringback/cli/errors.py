"""What a command's end looks like.

0 is fine. 1 is something to mend, said in one paragraph. 3 is our own fault, with the traceback that a
report needs. 130 is Ctrl-C, by the custom of shells.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import click

from ringback import __version__
from ringback.problems import Failure, Mistakes

FINE, MISTAKE, OURS, INTERRUPTED = 0, 1, 3, 130


def run(work: Callable[[], Any]) -> int:
    """Run a click command that raises instead of leaving; say what went wrong; give the exit code."""
    try:
        code = work()
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message())
        return FINE
    except click.ClickException as mistake:
        return _mistake(_usage(mistake))
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return INTERRUPTED
    except Mistakes as mistakes:
        from ringback.cli import console

        console.problems(mistakes.problems, err=True)
        return MISTAKE
    except Failure as failure:
        return _ours(failure) if failure.kind.ours else _mistake(str(failure))
    except Exception as error:  # noqa: BLE001  the last door: whatever it is, it is said and not hidden
        return _ours(error)
    return code if isinstance(code, int) else FINE


def _usage(mistake: click.ClickException) -> str:
    """A usage mistake and where the help is."""
    context = getattr(mistake, "ctx", None)
    place = context.command_path if context is not None else "ringback"
    said = mistake.format_message()
    if not isinstance(mistake, click.UsageError):
        return said
    return f"{place}: {said} `{place} --help` shows how it is used."


def _mistake(said: str) -> int:
    from ringback.cli import console

    console.error(said)
    return MISTAKE


def _ours(error: BaseException) -> int:
    from ringback.cli import console

    trace = "".join(traceback.format_exception(error))
    click.echo(console.masked(trace), err=True)
    console.error(
        f"Ringback {__version__} met an error that it did not expect. This is a fault of ours, not of "
        "your files. Please report it with the lines above."
    )
    return OURS
