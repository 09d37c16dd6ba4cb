"""The `ringback` command. A verb's module is imported only when that verb runs, so that help is quick."""

from __future__ import annotations

import difflib
import io
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from ringback import __version__
from ringback.cli import errors


class Verb(NamedTuple):
    """One line of the command list: where the command is, and what it does in a few words."""

    module: str
    summary: str


VERBS: dict[str, Verb] = {
    "init": Verb("init", "Start a project in a folder."),
    "check": Verb("check", "Find every mistake in the project, with its line."),
    "test": Verb("test", "Run the examples of workflows on a rehearsal gateway."),
    "run": Verb("run", "Run one workflow, here and now."),
    "serve": Verb("serve", "Receive webhooks and callbacks, and run workflows."),
    "worker": Verb("worker", "Advance runs, on as many machines as you like."),
    "clock": Verb("clock", "Fire schedules and wake runs, beside workers."),
    "migrate": Verb("migrate", "Bring the journal's tables up to this version."),
    "doctor": Verb("doctor", "Examine a set-up, and say what to do."),
    "transfer": Verb("transfer", "Carry the journal over from its file to PostgreSQL."),
    "send": Verb("send", "Send one test message through a connection."),
    "read": Verb("read", "Show what is read from a document."),
    "runs": Verb("runs", "List runs, show one, settle or cancel it."),
    "refused": Verb("refused", "Show callbacks that were refused and why; replay one."),
    "messages": Verb("messages", "Show what was said with one phone, both ways."),
    "contacts": Verb("contacts", "List numbers; opt them out or in; import and export."),
    "privacy": Verb("privacy", "Find, export or erase everything about one number."),
    "connectors": Verb("connectors", "Show the connectors, their actions and triggers."),
    "accounts": Verb("accounts", "Say who may sign in, and as what."),
    "tokens": Verb("tokens", "Make and revoke the tokens of programs."),
    "secrets": Verb("secrets", "Keep secrets encrypted in the journal."),
    "audit": Verb("audit", "Show who changed or sent what; check that record."),
    "demo": Verb("demo", "Watch a signed document become a text, end to end."),
    "rehearse": Verb("rehearse", "Stand in for an SMS gateway on this machine."),
    "docs": Verb("docs", "Write the reference pages, or check that they are current."),
}


class Commands(click.Group):
    """The verbs, loaded when asked for, with the exit codes of `ringback.cli.errors`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's own shape
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = import_module(f"ringback.cli.{verb.module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"There is no command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        run = super().main

        def work() -> Any:
            name = prog_name or "ringback"
            return run(
                args,
                name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )

        if not standalone_mode:
            return work()
        sys.exit(errors.run(work))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="ringback %(version)s")
def commands() -> None:
    """Text-message automations in plain YAML: something happens, it texts, it hears back.

    \b
    Example:
      ringback demo
      ringback init school
    """


def main() -> None:
    """Run the command line and leave with 0 (fine), 1 (a mistake to mend) or 3 (our fault)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no ✓ gets a question mark instead of an error.
            stream.reconfigure(errors="replace")
    commands()
