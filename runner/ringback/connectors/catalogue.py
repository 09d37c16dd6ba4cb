"""All connectors there are: the shelf's, those of installed packages, and the project's own folder.

All three come through one door. A later one of the same id takes the earlier one's place, so that an
operator can lay a corrected connector over a built-in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ringback import paths, yamltext
from ringback.connectors.manifest import Action, Manifest, Origin, Trigger
from ringback.connectors.reading import read_manifest
from ringback.problems import Problem

MANIFEST_FILE = "connector.yaml"
ENTRY_POINTS = "ringback.connectors"


@dataclass(frozen=True)
class Catalogue:
    """The connectors by id, and what was wrong with those that are missing."""

    connectors: Mapping[str, Manifest]
    problems: tuple[Problem, ...] = ()

    @cached_property
    def actions(self) -> Mapping[str, Action]:
        """Every action by its full name (`document.extract`)."""
        return {one.full: one for each in self.connectors.values() for one in each.actions.values()}

    @cached_property
    def triggers(self) -> Mapping[str, Trigger]:
        """Every trigger by its full name (`webhook.received`, `manual`)."""
        return {
            one.full: one for each in self.connectors.values() for one in each.triggers.values()
        }

    def action(self, full: str) -> Action | None:
        return self.actions.get(full)

    def trigger(self, full: str) -> Trigger | None:
        return self.triggers.get(full)

    def implementing(self, role: str, connector: str | None = None) -> list[Action]:
        """The actions that play a role (`sms.send`), of one connector or of all."""
        if connector is None:
            return [one for one in self.actions.values() if one.implements == role]
        known = self.connectors.get(connector)
        own = known.actions.values() if known is not None else ()
        return [one for one in own if one.implements == role]


@dataclass(frozen=True)
class _Found:
    folder: Path
    file: str
    origin: Origin


def load_catalogue(project_folder: Path | None = None, extra: Sequence[Path] = ()) -> Catalogue:
    """Load every connector.

    Args:
        project_folder: the operator's project; its folder `connectors/` counts last.
        extra: further folders that hold connector folders (`--connectors DIR`).

    A connector with an error is left out and its findings are in `problems`; nothing is raised.
    """
    found: list[_Found] = []
    problems: list[Problem] = []
    found += _in_folder(paths.shelf("connectors"), "built-in", "connectors")
    found += _in_packages(problems)
    for shelf in extra:
        found += _in_folder(shelf, "project", str(shelf))
    if project_folder is not None:
        found += _in_folder(project_folder / "connectors", "project", "connectors")
    folders = {one.folder.name: one for one in found}
    connectors: dict[str, Manifest] = {}
    for name in sorted(folders):
        manifest, its = _load(folders[name], folders)
        problems += its
        if manifest is not None:
            connectors[manifest.id] = manifest
    return Catalogue(connectors, tuple(problems))


def load_connector(
    folder: Path, origin: Origin = "project"
) -> tuple[Manifest | None, list[Problem]]:
    """One connector's folder by itself; `extends` is looked for on the shelf and beside it."""
    beside = {
        one.folder.name: one
        for shelf in (paths.shelf("connectors"), folder.parent)
        for one in _in_folder(shelf, origin, shelf.name)
    }
    return _load(_Found(folder, f"{folder.name}/{MANIFEST_FILE}", origin), beside)


def _load(one: _Found, folders: Mapping[str, _Found]) -> tuple[Manifest | None, list[Problem]]:
    source = _text(one.folder)
    if isinstance(source, str):
        parent = _parent(source, one, folders)
        if isinstance(parent, Problem):
            return None, [parent]
        return read_manifest(source, one.folder, one.file, one.origin, parent)
    message = f"The connector cannot be read: {source}."
    return None, [Problem("manifest", message, "Save it as UTF-8 text.", one.file)]


def _parent(
    source: str, one: _Found, folders: Mapping[str, _Found]
) -> Mapping[str, Any] | Problem | None:
    document = yamltext.read(source, one.file)
    name = document.data.get("extends") if isinstance(document.data, dict) else None
    if name is None:
        return None
    other = folders.get(str(name))
    text = _text(other.folder) if other is not None and other.folder != one.folder else None
    data = yamltext.read(text, one.file).data if isinstance(text, str) else None
    if not isinstance(data, dict) or "extends" in data:
        advice = f"Name one of: {', '.join(sorted(folders))}; a connector that extends another does not count."
        return document.problem("manifest", f"`{name}` cannot be extended.", advice, ("extends",))
    # A picture says which connector it is, and lies in that one's folder.
    return {key: value for key, value in data.items() if key != "icon"}


def _text(folder: Path) -> str | Exception:
    try:
        return (folder / MANIFEST_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        return unreadable


def _in_folder(shelf: Path, origin: Origin, shown: str) -> Iterator[_Found]:
    if shelf.is_dir():
        for manifest in sorted(shelf.glob(f"*/{MANIFEST_FILE}")):
            folder = manifest.parent
            yield _Found(folder, f"{shown}/{folder.name}/{MANIFEST_FILE}", origin)


def _in_packages(problems: list[Problem]) -> Iterator[_Found]:
    """Folders that installed packages offer: the package is a connector's folder, or holds such folders."""
    for point in entry_points(group=ENTRY_POINTS):
        try:
            spec = find_spec(point.value)
        except (ImportError, ValueError):
            spec = None
        folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
        found = [
            one
            for folder in folders
            for one in (
                [_Found(folder, f"{point.value}/{MANIFEST_FILE}", "package")]
                if (folder / MANIFEST_FILE).is_file()
                else _in_folder(folder, "package", point.value)
            )
        ]
        if not found:
            message = f"The package {point.value} offers connectors but holds no {MANIFEST_FILE}."
            problems.append(Problem("manifest", message, "Reinstall or remove the package."))
        yield from found
