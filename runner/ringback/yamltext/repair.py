"""What a YAML syntax error means in plain words, and how to read on past it.

libyaml says where it lost the thread, not what its writer did. Each rule here recognises one way of losing
it, names the mistake, and mends the lines as the writer most likely meant, so that the mistakes further
down are found in the same pass. A mended line is never written back.
"""

from __future__ import annotations

import re

import yaml

from ringback.yamltext.mending import (
    DASHES,
    KEY,
    MARKS,
    Edit,
    Finding,
    Place,
    Rule,
    quote,
    quoted,
    unquoted,
    value_end,
    value_start,
)

MOST = 25
"""Syntax mistakes said of one file; after that many, reading ends."""


def explain(fault: Exception, lines: list[str]) -> Finding:
    """The finding for a parser's error."""
    assert isinstance(fault, yaml.MarkedYAMLError)
    mark = fault.problem_mark or fault.context_mark
    place = (mark.line, mark.column) if mark else (0, 0)
    opened = (fault.context_mark.line, fault.context_mark.column) if fault.context_mark else place
    place, opened = _within(place, lines), _within(opened, lines)
    said = str(fault.problem or "")
    for words, rule in _RULES:
        if words in said:
            found = rule(lines, place, opened)
            if found is not None:
                return found
    start, end = place, (place[0], place[1] + 1)
    message = f"This is not valid YAML: {said or 'it cannot be read from here on'}."
    return Finding("syntax", message, "Look at this line and the one above it.", [(start, end)])


def _within(place: Place, lines: list[str]) -> Place:
    if place[0] < len(lines):
        return place
    last = max(len(lines) - 1, 0)
    return last, len(lines[last]) if lines else 0


def _tabs(lines: list[str], place: Place, _opened: Place) -> Finding | None:
    """Tabs in the indentation; all lines that have one are said and mended together."""
    if "\t" not in _indent(lines[place[0]]):
        return None
    widths = [len(_indent(line)) for line in lines if line.startswith(" ") and line.strip()]
    step = " " * (min(widths) if widths else 2)
    finding = Finding(
        "tab", "The line is indented with a tab; YAML takes spaces only.", "Use spaces.", []
    )
    for number, line in enumerate(lines):
        for at, letter in enumerate(_indent(line)):
            if letter == "\t":
                finding.edits.append(Edit(number, at, at + 1, step))
        if "\t" in _indent(line) and line.strip():
            at = line.index("\t")
            finding.places.append(((number, at), (number, at + 1)))
    return finding


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _second_colon(lines: list[str], place: Place, _opened: Place) -> Finding | None:
    """`: ` where no key may be: inside a text, or on a line that is indented too far."""
    number, column = place
    text = lines[number]
    start = value_start(text)
    if start <= column:
        return _needs_quotes(
            lines, number, start, "It holds a colon and a space, which YAML takes for a key"
        )
    above = _line_above(lines, number)
    if above is None:
        return None
    before = lines[above]
    if re.match(r"\s*(?:- +)*[\w.-]+:\S", before):
        colon = before.index(":")
        return Finding(
            "no_space",
            "There is no space after the colon.",
            f"Write `{before[:colon].strip()}: {before[colon + 1 :].strip()}`.",
            [((above, colon), (above, colon + 1))],
            [Edit(above, colon + 1, colon + 1, " ")],
        )
    if not KEY.match(before):
        end = value_end(before, 0)
        return _no_colon(lines, above, len(_indent(before)), end)
    wanted = _key_column(before)
    return _indentation(
        lines,
        number,
        wanted,
        f"The line is indented further than line {above + 1}, which already has a value.",
    )


def _line_above(lines: list[str], number: int) -> int | None:
    for above in range(number - 1, -1, -1):
        if lines[above].strip() and not lines[above].lstrip().startswith("#"):
            return above
    return None


def _key_column(line: str) -> int:
    dashes = DASHES.match(line)
    return dashes.end() if dashes else 0


def _indentation(lines: list[str], number: int, wanted: int, message: str) -> Finding:
    text = lines[number]
    width = len(_indent(text))
    return Finding(
        "indentation",
        message,
        f"Indent it by {wanted} spaces." if wanted else "Start it at the left edge.",
        [((number, 0), (number, max(width, 1)))],
        [Edit(number, 0, width, " " * wanted)] if wanted != width else [],
    )


def _needs_quotes(lines: list[str], number: int, start: int, why: str) -> Finding:
    text = lines[number]
    if text.startswith(("{{", "{%"), start):
        return unquoted(lines, (number, start), in_flow=False)
    end = value_end(text, start)
    return Finding(
        "needs_quotes",
        f"The text must stand in quotes. {why}.",
        f"Write {quoted(text[start:end])}.",
        [((number, start), (number, max(end, start + 1)))],
        quote(number, text, start, end) if end > start else [],
    )


def _odd_start(lines: list[str], place: Place, _opened: Place) -> Finding | None:
    """A text that begins with a character that YAML keeps for itself."""
    number, column = place
    if lines[number][column : column + 1] == "\t":
        return None
    start = column - 1 if lines[number][column - 1 : column + 1] == "{%" else column
    shown = lines[number][column : column + 1]
    return _needs_quotes(
        lines, number, start, f"It starts with `{shown}`, which YAML keeps for itself"
    )


def _value_from(why: str) -> Rule:
    def rule(lines: list[str], place: Place, _opened: Place) -> Finding | None:
        number = place[0]
        return _needs_quotes(lines, number, value_start(lines[number]), why)

    return rule


def _open_quote(lines: list[str], _place: Place, opened: Place) -> Finding:
    number, column = opened
    mark = lines[number][column : column + 1]
    end = len(lines[number].rstrip())
    return Finding(
        "open_quote",
        f"The quote {mark} that opens here is never closed.",
        f"Put {mark} at the end of the text.",
        [((number, column), (number, column + 1))],
        [Edit(number, end, end, mark)] if mark in MARKS else [],
    )


def _closes(text: str, opens: int) -> bool:
    return len(text.rstrip()) > opens + 1 and text.rstrip().endswith(text[opens])


def _escape(lines: list[str], place: Place, _opened: Place) -> Finding | None:
    number, column = place
    shown = lines[number][column : column + 2]
    return Finding(
        "escape",
        f"`{shown}` means nothing inside double quotes.",
        "Use single quotes, in which a backslash is just a backslash.",
        [((number, column), (number, column + len(shown)))],
        [Edit(number, column, column, "\\")],
    )


def _lost(lines: list[str], place: Place, _opened: Place) -> Finding | None:
    """Something that is neither a key nor an entry: after a value, or at an indentation that matches nothing."""
    number, column = place
    text = lines[number]
    if text[:column].strip():
        return _after_value(lines, number, column)
    if text[column : column + 1] in {"}", "]"}:
        closing = text[column]
        places = [((number, column), (number, column + 1))]
        return Finding(
            "stray",
            f"This `{closing}` closes nothing.",
            "Remove it.",
            places,
            [Edit(number, column, column + 1, " ")],
        )
    is_entry = text[column:].startswith("-")
    columns = set()
    for above in range(number):
        line = lines[above]
        if is_entry and line.lstrip().startswith("- "):
            columns.add(len(_indent(line)))
        elif not is_entry and KEY.match(line):
            columns.add(_key_column(line))
    columns.discard(column)
    if not columns:
        return None
    wanted = min(columns, key=lambda other: (abs(other - column), -other))
    return _indentation(
        lines, number, wanted, "The indentation of this line matches no line above it."
    )


def _after_value(lines: list[str], number: int, column: int) -> Finding:
    """Something follows a value that has ended: `'it's'`, `"a" b`, `{{ a }} b`."""
    text = lines[number]
    start = value_start(text)
    mark = text[start : start + 1]
    end = value_end(text, start)
    if mark not in MARKS:
        for above in range(number - 1, max(number - 20, -1), -1):
            opens = value_start(lines[above])
            if lines[above][opens : opens + 1] in MARKS and not _closes(lines[above], opens):
                return _open_quote(lines, (number, column), (above, opens))
        return _needs_quotes(
            lines, number, start, f"YAML takes `{text[start:column].strip()}` for a whole value"
        )
    if end - start > 1 and text[end - 1] == mark:
        inner = [at for at in range(start + 1, end - 1) if text[at] == mark]
        double = mark if mark == "'" else "\\"
        other = '"' if mark == "'" else "'"
        return Finding(
            "inner_quote",
            f"The text ends at the second {mark}, and more follows.",
            f"Put {other} around the text instead.",
            [((number, column), (number, end))],
            [Edit(number, at, at, double) for at in inner],
        )
    return Finding(
        "after_quote",
        f"After the closing {mark} more follows.",
        "Put the quotes around the whole text.",
        [((number, column), (number, max(end, column + 1)))],
        quote(number, text, start, end),
    )


def _block_head(lines: list[str], place: Place, _opened: Place) -> Finding | None:
    number, text = place[0], lines[place[0]]
    start = value_start(text) + 1
    end = len(text.rstrip())
    return Finding(
        "block_head",
        f"After `{text[start - 1 : start]}` the text starts on the line below.",
        "Move this down a line and indent it.",
        [((number, start), (number, max(end, start + 1)))],
        [Edit(number, start, end, "")] if end > start else [],
    )


def _open_bracket(lines: list[str], place: Place, opened: Place) -> Finding | None:
    """A `[` or `{` that is not closed, or a template without quotes inside one."""
    for number in sorted({opened[0], place[0]}):
        text = lines[number]
        bare = re.search(
            r"(?:[:,]\s+|[\[{]\s*)([^\s'\"{}\[\],:][^'\"{}\[\],:]*\{\{.*?\}\}[^,}\]]*)", text
        )
        if bare:
            start, end = bare.start(1), bare.start(1) + len(bare.group(1).rstrip())
            return Finding(
                "unquoted_template",
                "Inside { } or [ ] a text with a template must stand in quotes.",
                f"Write {quoted(text[start:end])}.",
                [((number, start), (number, end))],
                quote(number, text, start, end),
            )
    number, column = opened
    if place[0] == number and place[1] < len(lines[number].rstrip()):
        return None
    mark = lines[number][column : column + 1]
    closing = {"[": "]", "{": "}"}.get(mark)
    if closing is None:
        return None
    end = value_end(lines[number], column)
    return Finding(
        "open_bracket",
        f"The `{mark}` that opens here is never closed.",
        f"Put `{closing}` where it ends.",
        [((number, column), (number, column + 1))],
        [Edit(number, end, end, closing)],
    )


def _stray_line(lines: list[str], _place: Place, opened: Place) -> Finding | None:
    number, column = opened
    return _no_colon(lines, number, column, value_end(lines[number], column))


def _no_colon(lines: list[str], number: int, start: int, end: int) -> Finding:
    text = lines[number]
    return Finding(
        "no_colon",
        f"`{text[start:end]}` is neither a key with a colon nor an entry with a dash.",
        "Write `key: value`; indent it if it belongs to the text above.",
        [((number, start), (number, max(end, start + 1)))],
        [Edit(number, start, len(text), "")] if end > start else [],
    )


_RULES: tuple[tuple[str, Rule], ...] = (
    ("", _tabs),
    ("mapping values are not allowed", _second_colon),
    ("cannot start any token", _odd_start),
    ("unexpected end of stream", _open_quote),
    ("unknown escape character", _escape),
    ("did not find expected key", _lost),
    ("expected '-' indicator", _lost),
    ("expected ',' or", _open_bracket),
    ("did not find expected node content", _open_bracket),
    ("could not find expected ':'", _stray_line),
    (
        "block sequence entries are not allowed",
        _value_from("A list starts on the line below; here `- ` begins a text"),
    ),
    ("expected comment or line break", _block_head),
    (
        "alphabetic or numeric character",
        _value_from("It starts with `&` or `*`, which YAML keeps for itself"),
    ),
    ("tag", _value_from("It starts with `!`, which YAML keeps for itself")),
)
"""Words of libyaml's message, and what to make of it; the first rule that answers counts."""
