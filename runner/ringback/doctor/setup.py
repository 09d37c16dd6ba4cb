"""What is written down: ringback.yaml, .env, the workflows; and the ground they stand on."""

from __future__ import annotations

import platform
import resource
import stat
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ringback.connectors import values
from ringback.doctor.finding import Finding, bad, good, warn
from ringback.doctor.patient import Patient
from ringback.observe import traces
from ringback.problems import Problem
from ringback.workflow.check import check_project

OLDEST_PYTHON = (3, 11)
FEWEST_FILES = 1024


def ground(found: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Finding]:
    """Python, and what the system allows a process."""
    said = ".".join(map(str, found))
    if found < OLDEST_PYTHON:
        yield bad("Python", f"This is Python {said}.", "Ringback needs 3.11 or newer.")
    else:
        yield good("Python", f"{said} on {platform.system()} {platform.machine()}.")
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < FEWEST_FILES:
        advice = f"Say `ulimit -n {min(most, 65536) if most > 0 else 65536}` before it, or LimitNOFILE= in its unit."
        yield warn("limits", f"A process may open {files} files; a busy one needs more.", advice)
    else:
        yield good("limits", f"A process may open {files} files.")


def dotenv(folder: Path) -> Iterator[Finding]:
    """Who may read .env."""
    path = folder / ".env"
    if path.is_file():
        yield _mode(".env", path)


def _mode(place: str, path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return bad(
            place, f"Others on this machine may read it (mode {mode:04o}).", f"chmod 600 {path}"
        )
    return good(place, "Only its owner may read it.")


def mode_of(place: str, path: Path) -> Finding:
    """Who may read a file that holds secrets or what customers said."""
    return _mode(place, path)


def told(problems: list[Problem]) -> Iterator[Finding]:
    """Findings in files, each as it is."""
    for one in problems:
        kind = "bad" if one.severity == "error" else "warn"
        yield Finding(kind, one.where or "project", one.message, one.next)  # type: ignore[arg-type]


def workflows(patient: Patient) -> Iterator[Finding]:
    """ringback.yaml and every workflow, as `ringback check` sees them."""
    problems = [*patient.catalogue.problems, *check_project(patient.folder, patient.catalogue, patient.environ)]  # fmt: skip
    yield from told(problems)
    if not any(one.severity == "error" for one in problems):
        count = len(list((patient.folder / "workflows").glob("*.y*ml")))
        if count:
            yield good("workflows", f"{count} files, no mistakes.")
        else:
            yield warn("workflows", "There is none yet.", "`ringback init` has recipes to begin with.")  # fmt: skip


def secrets(patient: Patient) -> Iterator[Finding]:
    """Each connection's settings, its secrets first."""
    if not patient.settings.connections:
        yield warn("connections", "There is none.", "Add your gateway under connections in ringback.yaml; `ringback connectors` lists them.")  # fmt: skip
    for name, connection in patient.settings.connections.items():
        place = f"connection {name}"
        manifest = patient.catalogue.connectors.get(connection.uses)
        if manifest is None:
            continue  # `workflows` has said so
        mistakes = values.mistakes(manifest.settings, connection.settings)
        for one in mistakes:
            yield bad(place, one.message, one.next or f"`ringback connectors {connection.uses}` shows its settings.")  # fmt: skip
        empty = [key for key, field in manifest.settings.items() if field.required and connection.settings.get(key) == ""]  # fmt: skip
        for key in empty:
            yield bad(place, f"Its {key} is empty.", f"`ringback connectors {connection.uses}` says where to find it; put it into .env.")  # fmt: skip
        if not mistakes and not empty:
            yield good(place, f"Its settings for {manifest.name} are there.")


def project(patient: Patient) -> Iterator[Finding]:
    """Country, time zone, quiet hours."""
    facts, rules = patient.settings.project, patient.settings.messages
    country = str(facts.get("country") or "")
    if len(country) == 2:
        yield good("project.country", f"Numbers without a country code are read as in {country}.")
    elif not country:  # of one that is none, `workflows` tells
        yield warn("project.country", "It is not set, so numbers need their country code.", "Set it to two letters, such as GB.")  # fmt: skip
    zone = facts.get("timezone")
    if zone in (None, "", "UTC"):
        yield warn("project.timezone", "The clock on the wall is UTC.", "Set it to where the business is, such as Europe/London; schedules and quiet hours follow it.")  # fmt: skip
    else:
        yield good("project.timezone", f"{zone}.")
    if rules.quiet_hours is None:
        yield good("messages.quiet_hours", "None: texts go at any hour.")
    else:
        begins, ends = rules.quiet_hours.begins, rules.quiet_hours.ends
        yield good("messages.quiet_hours", f"{begins // 60:02}:{begins % 60:02} to {ends // 60:02}:{ends % 60:02}, by the clock where the phone is.")  # fmt: skip


def telemetry(patient: Patient) -> Iterator[Finding]:
    """Whether traces can be sent that are asked for."""
    if not traces.wanted(patient.environ):
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        yield warn("traces", "OTEL_… asks for traces, and OpenTelemetry is not installed.", traces.EXTRA)  # fmt: skip
    else:
        yield good("traces", "OpenTelemetry is installed and asked for.")
