"""ringback.yaml: the project's settings against the connectors and workflows that there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import phonenumbers

from ringback import yamltext
from ringback.paths import PROJECT_FILE
from ringback.problems import Mistakes, Problem
from ringback.settings import load_settings
from ringback.workflow.check_triggers import zone_problem
from ringback.workflow.check_values import inputs_problems
from ringback.workflow.files import reading_order
from ringback.workflow.model import CatalogueLike
from ringback.workflow.nearest import did_you_mean
from ringback.workflow.shape import shape_problems
from ringback.workflow.surroundings import Place, Surroundings, mapping
from ringback.yamltext import Document

_VARIABLE = re.compile(r"\$\{(secret:[A-Za-z0-9._-]+|([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?)\}")
_BROKEN_VARIABLE = re.compile(r"\$\{[^}]*\}?|\$[A-Z_]{3,}")

_SAID_BY_SCHEMA = frozenset({"missing_key", "wrong_type"})
"""What loading finds too, less precisely."""


def settings_problems(
    folder: Path,
    catalogue: CatalogueLike,
    workflows: Mapping[str, Document],
    environ: Mapping[str, str],
) -> list[Problem]:
    """All problems of a project's ringback.yaml, in reading order."""
    loader = _loader_problems(folder, environ)
    path = folder / PROJECT_FILE
    if not path.is_file():
        return loader
    document = yamltext.read_file(path, PROJECT_FILE)
    around = Surroundings(document, catalogue)
    around.problems = [*document.problems]
    if document.data is not None:
        around.problems += shape_problems(document, "project")
    _project(around)
    _connections(around)
    _workflows(around, workflows)
    said = {(problem.span.line, problem.span.column) for problem in around.problems if problem.span}
    around.problems += [
        problem
        for problem in loader
        if problem.span is None
        or (
            (problem.span.line, problem.span.column) not in said
            and problem.code not in _SAID_BY_SCHEMA
        )
    ]
    return list(dict.fromkeys(sorted(around.problems, key=reading_order)))


def _loader_problems(folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """What loading finds; an unset variable is a warning here."""
    try:
        load_settings(folder, environ)
    except Mistakes as mistakes:
        return [
            Problem(p.code, p.message, p.next, p.file, p.span, p.text, "warning")
            if p.code == "unset_variable"
            else p
            for p in mistakes.problems
        ]
    return []


def _project(around: Surroundings) -> None:
    project = mapping(around.data.get("project"))
    zone = project.get("timezone")
    if isinstance(zone, str):
        zone_problem(around, zone, ("project", "timezone"))
    country = project.get("country")
    if isinstance(country, str) and country not in phonenumbers.SUPPORTED_REGIONS:
        then = (
            f"Did you mean {country.upper()}?"
            if country.upper() in phonenumbers.SUPPORTED_REGIONS
            else ""
        )
        then = "Did you mean GB?" if country.upper() == "UK" else then
        around.say(
            "unknown_country",
            f"“{country}” is not a country's two letters.",
            then or "Write one such as GB, US or DE.",
            ("project", "country"),
        )


def _connections(around: Surroundings) -> None:
    connections = mapping(around.data.get("connections"))
    for name, said in connections.items():
        path: Place = ("connections", name)
        uses = mapping(said).get("uses")
        if not isinstance(uses, str):
            continue
        connector = around.catalogue.connectors.get(uses)
        if connector is None:
            known = [key for key, one in around.catalogue.connectors.items() if one.settings]
            then = did_you_mean(uses, known, "Connectors with settings are")
            around.say(
                "unknown_connector", f"There is no connector `{uses}`.", then, (*path, "uses")
            )
            continue
        given = mapping(mapping(said).get("with"))
        inputs_problems(
            around, uses, connector.settings, given, (*path, "with"), (*path, "uses"), "a setting"
        )
        for key, field in connector.settings.items():
            if field.type == "secret" and isinstance(given.get(key), str):
                _secret(around, key, given[key], (*path, "with", key))
    chosen = around.data.get("send_through")
    names = (
        [((), chosen)]
        if isinstance(chosen, str)
        else [((at,), one) for at, one in enumerate(chosen or ())]
    )
    for place, one in names:
        if isinstance(one, str) and one not in connections:
            then = did_you_mean(one, connections, "There is") or "Add it under `connections:`."
            around.say(
                "unknown_connection",
                f"The connection `{one}` is not configured.",
                then,
                ("send_through", *place),
            )


def _secret(around: Surroundings, key: str, value: str, path: Place) -> None:
    if not _BROKEN_VARIABLE.search(value):
        around.say(
            "secret_in_file",
            f"The secret `{key}` stands in the file itself.",
            f"Put it into .env and write ${{{key.upper()}}} here.",
            path,
            severity="warning",
        )
    elif not _VARIABLE.search(value):
        around.say("bad_variable", f"“{value}” is not filled in.", "Write ${NAME}.", path)


def _workflows(around: Surroundings, workflows: Mapping[str, Document]) -> None:
    for name, said in mapping(around.data.get("workflows")).items():
        path: Place = ("workflows", name)
        document = workflows.get(name)
        if document is None:
            then = (
                did_you_mean(name, workflows, "The project has")
                or "Put it into the folder `workflows`."
            )
            around.say("unknown_workflow", f"There is no workflow `{name}`.", then, path, "key")
            continue
        _inputs(around, name, mapping(said).get("inputs"), document, path)
    for name, document in workflows.items():
        given = mapping(mapping(mapping(around.data.get("workflows")).get(name)).get("inputs"))
        for key, about in mapping(mapping(document.data).get("inputs")).items():
            wanted = mapping(about)
            if (
                wanted.get("required") is True
                and wanted.get("default") is None
                and given.get(key) is None
            ):
                label = wanted.get("label") or key
                around.say(
                    "missing_input",
                    f"The workflow `{name}` needs the input `{key}` ({label}).",
                    f"Write it under `workflows: {name}: inputs:`.",
                    ("workflows", name, "inputs"),
                    "key",
                )


def _inputs(around: Surroundings, name: str, given: Any, document: Document, path: Place) -> None:
    declared = mapping(mapping(document.data).get("inputs"))
    for key in mapping(given):
        if key not in declared:
            then = did_you_mean(key, declared, "It declares") or "It declares none."
            around.say(
                "unknown_key",
                f"The workflow `{name}` has no input `{key}`.",
                then,
                (*path, "inputs", key),
                "key",
            )
