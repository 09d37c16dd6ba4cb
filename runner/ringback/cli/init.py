"""`ringback init`: a project that works from the first minute, against the rehearsal gateway."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

import click

from ringback.cli import console
from ringback.paths import PROJECT_FILE, shelf
from ringback.problems import Failure

TEMPLATES = Path(__file__).parent / "templates"
SCHEMA_LINE = re.compile(r"^# yaml-language-server: \$schema=\S+/(?P<file>[\w.]+)$", re.MULTILINE)
# The template's files keep plain names, so that no tool of ours takes them for its own.
NAMES = {"env.example": ".env.example", "gitignore": ".gitignore"}
PLAIN_TEXT = re.compile(r"[A-Za-z][\w .&'-]*")
FIRST_RECIPE = "enrolment"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", help="The project's name. Default: the folder's.")
@click.option(
    "--country", default="GB", show_default=True, help="Where phone numbers are from (ISO 3166)."
)
@click.option(
    "--locale", default="en-GB", show_default=True, help="How dates and numbers are written."
)
@click.option(
    "--timezone", default="Europe/London", show_default=True, help="The project's time zone."
)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME",
    help="Also copy this ready-made recipe; repeatable.",
)
def command(
    folder: Path,
    name: str | None,
    country: str,
    locale: str,
    timezone: str,
    recipes: tuple[str, ...],
) -> None:
    """Start a project in DIR, with a working enrolment workflow.

    It runs at once against the rehearsal gateway; no account is needed. In a folder that already is a
    project, --recipe adds ready-made recipes to it.

    \b
    Example:
      ringback init school --name "Harbour School"
      ringback init school --recipe appointment_reminder
    """
    existing = (folder / PROJECT_FILE).exists()
    if existing and not recipes:
        raise Failure(
            "refused",
            f"{folder} already is a project: it holds {PROJECT_FILE}.",
            "Edit it there, add a recipe with --recipe, or choose another folder.",
        )
    chosen = list(dict.fromkeys(recipes if existing else (FIRST_RECIPE, *recipes)))
    sources = [recipe_file(recipe) for recipe in chosen]
    if not existing:
        _check_words(country, timezone)
        words = {
            "NAME": name or folder.resolve().name.replace("-", " ").replace("_", " ").title(),
            "COUNTRY": country,
            "LOCALE": locale,
            "TIMEZONE": timezone,
        }
        write_project(folder, words)
    for source in sources:
        add_recipe(folder, source)
    copy_schemas(folder)
    console.mark(
        "good", f"{folder} {'has' if existing else 'is a project with'} {', '.join(chosen)}."
    )
    if not existing:
        _say_next(folder)


def recipe_file(name: str) -> Path:
    """The shipped recipe of that name. Raises `Failure` naming those that there are."""
    found = {path.stem: path for path in sorted(shelf("workflows").glob("*.yaml"))}
    if name not in found:
        raise Failure(
            "not_found", f"There is no recipe `{name}`.", f"The recipes are {', '.join(found)}."
        )
    return found[name]


def fill(text: str, words: dict[str, str]) -> str:
    """A template file's text with each @@WORD@@ replaced."""
    return re.sub(r"@@([A-Z_]+)@@", lambda found: words[found[1]], text)


def write_project(folder: Path, words: dict[str, str]) -> None:
    """The project's files, except workflows; `.env` comes with secrets of its own, readable by its owner only."""
    template = TEMPLATES / "project"
    for source in sorted(path for path in template.rglob("*") if path.is_file()):
        target = folder / source.relative_to(template).with_name(
            NAMES.get(source.name, source.name)
        )
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        quoted = words
        if source.suffix == ".yaml":
            quoted = {word: _yaml(value) for word, value in words.items()}
        target.write_text(fill(source.read_text("utf-8"), quoted), "utf-8")
    environment = folder / ".env"
    if not environment.exists():
        environment.touch(mode=0o600)
        environment.write_text(
            _filled_secrets((folder / ".env.example").read_text("utf-8")), "utf-8"
        )


def add_recipe(folder: Path, source: Path) -> None:
    """Copy a recipe and the samples that its examples name, unless the project has them."""
    text = source.read_text("utf-8")
    target = folder / "workflows" / source.name
    if target.exists():
        raise Failure(
            "refused", f"{target} is already there.", "Rename it first if you want the shipped one."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(SCHEMA_LINE.sub(_schema_line, text), "utf-8")
    for sample in sorted(set(re.findall(r"samples/[\w./-]+", text))):
        copy = target.parent / sample
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((source.parent / sample).read_bytes())


def copy_schemas(folder: Path) -> None:
    """The schemas that an editor completes from, beside the journal."""
    target = folder / ".ringback" / "schemas"
    target.mkdir(parents=True, exist_ok=True)
    for schema in sorted(shelf("schemas").glob("*.schema.json")):
        (target / schema.name).write_bytes(schema.read_bytes())


def _check_words(country: str, timezone: str) -> None:
    """Raises `Failure` for a country or a time zone that there is not."""
    from zoneinfo import ZoneInfo

    import phonenumbers

    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise Failure(
            "invalid_input",
            f"“{country}” is not a country.",
            "Write its two capital letters, such as GB.",
        )
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise Failure(
            "invalid_input",
            f"“{timezone}” is not a time zone.",
            "Write one such as Europe/London.",
        ) from None


def _schema_line(found: re.Match[str]) -> str:
    return f"# yaml-language-server: $schema=../.ringback/schemas/{found['file']}"


def _yaml(text: str) -> str:
    """A text as YAML, quoted where it must be (JSON's strings are YAML's); `NO` is a country, not false."""
    plain = PLAIN_TEXT.fullmatch(text) and text.lower() not in {
        "no",
        "on",
        "off",
        "yes",
        "true",
        "false",
    }
    return text if plain else json.dumps(text, ensure_ascii=False)


def _filled_secrets(example: str) -> str:
    return re.sub(
        r"(?m)^([A-Z_]+)=$", lambda line: f"{line[1]}={secrets.token_urlsafe(24)}", example
    )


def _say_next(folder: Path) -> None:
    console.say()
    console.say("Next:")
    away = [f"cd {folder}"] if folder.resolve() != Path.cwd() else []
    for line in (*away, "ringback check", "ringback test", "ringback serve"):
        console.say(f"  {line}")
