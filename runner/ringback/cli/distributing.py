"""What `serve`, `worker` and `clock` share where work goes over a broker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ringback.cli import console, logging_options, project, takeup
from ringback.problems import Failure

if TYPE_CHECKING:
    from ringback.engine.executor import Executor
    from ringback.engine.runtime import Runtime
    from ringback.settings import Settings


def executor(settings: Settings) -> Executor:
    """Where the runs of this project are advanced. Raises `Failure` where Celery is wanted and not installed."""
    if settings.work.where == "celery":
        from ringback.distributed.publisher import Publisher

        return Publisher(settings.work)
    from ringback.worker import LocalExecutor

    return LocalExecutor(settings.workers)


@contextmanager
def runtime(
    where: Path | None, log_format: str | None, log_level: str | None, *, by: str
) -> Iterator[Runtime]:
    """The project's runtime for a `worker` or a `clock` (`by`), not started; changed workflow files are taken up.

    Raises `Failure` where the project's work is local.
    """
    from ringback.engine.runtime import open_runtime, secrets_of
    from ringback.observe.logs import set_up
    from ringback.observe.traces import configured

    settings = logging_options.chosen(project.settings(where), log_format, log_level)
    if settings.work.where != "celery":
        raise Failure(
            "invalid_input",
            "This project's work is local: `ringback serve` advances its runs and fires its schedules.",
            "For several machines set work: {where: celery, broker: …} in ringback.yaml (docs/scaling.md).",
        )
    made = open_runtime(settings, executor=executor(settings), traces=configured(os.environ))
    console.hide(secrets_of(made.settings, made.catalogue))
    rules = settings.log
    set_up(made.masks, rules.level, form=rules.form, numbers=rules.numbers)
    takeup.say_problems(made)
    with takeup.watching(made, by):
        yield made


def queue(runtime: Runtime) -> str:
    """The queue and its broker, without the password."""
    from urllib.parse import urlsplit

    work = runtime.settings.work
    address = urlsplit(work.broker)
    return f"{work.queue} at {address.scheme}://{address.hostname}"
