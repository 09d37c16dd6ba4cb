"""Takes values out of ringback.yaml, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ringback import yamltext
from ringback.settings import locks

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")

Path_ = tuple[str | int, ...]


class Reader:
    """Takes values out of the file, remembering every mistake and every secret on the way."""

    def __init__(
        self, document: yamltext.Document, variables: Mapping[str, str], allow_unset: bool
    ) -> None:
        self._document = document
        self._variables = variables
        self.allow_unset = allow_unset
        self.problems = list(document.problems)
        self.secrets: set[str] = set()
        self.kept_secrets: set[str] = set()

    def report(self, code: str, message: str, next_step: str, path: Path_) -> None:
        self.problems.append(self._document.problem(code, message, next_step, path))

    def get(self, *path: str | int) -> Any:
        """The value at a path with its variables filled in, or None."""
        here = self._document.data
        for key in path:
            if isinstance(here, Mapping) and key in here:
                here = here[key]
            else:
                return None
        return self._fill(here, path)

    def variable(self, name: str) -> str | None:
        """A variable of the environment or the project's .env."""
        return self._variables.get(name)

    def section(self, *path: str | int) -> dict[str, Any]:
        found = self.get(*path)
        if found is None:
            return {}
        if isinstance(found, dict):
            return found
        self.report(
            "wrong_type",
            f"`{path[-1]}` is a list of names and values.",
            "Indent them below it.",
            path,
        )
        return {}

    def words(self, *path: str | int) -> tuple[str, ...]:
        """One text or a list of texts."""
        found = self.get(*path)
        values = found if isinstance(found, list) else [] if found is None else [found]
        return tuple(str(value) for value in values if value != "")

    def read(self, default: int, convert: Callable[[Any], int], *path: str | int) -> int:
        found = self.get(*path)
        if found is None:
            return default
        try:
            return convert(found)
        except (ValueError, TypeError) as error:
            self.report("wrong_value", str(error), "", path)
            return default

    def _fill(self, value: Any, path: Path_) -> Any:
        if isinstance(value, str):
            return self._fill_text(value, path)
        if isinstance(value, dict):
            return {key: self._fill(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._fill(inner, (*path, at)) for at, inner in enumerate(value)]
        return value

    def _fill_text(self, text: str, path: Path_) -> str:
        def one(match: re.Match[str]) -> str:
            name, otherwise = match.groups()
            value: str | None = self._variables.get(name, otherwise)
            if value is None:
                if not self.allow_unset:
                    self.report(
                        "unset_variable", f"{name} is not set.", f"Put {name}=… into .env.", path
                    )
                return ""
            return value

        kept = set(locks.referred(text, path, self))
        if self.allow_unset:
            text = locks.KEPT.sub("", text)
        else:
            self.kept_secrets |= kept
        return _VARIABLE.sub(one, text)
