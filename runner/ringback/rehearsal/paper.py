"""The paper a callback is written on: a recorded one opened at its fields, or an empty one of the manifest's paths.

Whatever its form (JSON, form, query, XML, plain text), values go into the fields and the whole is written out anew,
so that no value can be taken for a part of the form.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from lxml import etree

from ringback.connectors.callbacks import listed
from ringback.connectors.fieldpaths import EVERY, Counted, FieldPath, Part, Pick, put, read
from ringback.connectors.incoming import incoming
from ringback.connectors.manifest import InboundSpec, ReportSpec
from ringback.rehearsal.backwards import present_path

FORM = "application/x-www-form-urlencoded"
Form = Literal["json", "form", "xml", "text"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Paper:
    """A callback being written: `sources` is what the manifest's paths write into."""

    method: str
    headers: dict[str, str]
    sources: dict[str, Any]
    form: Form
    each: FieldPath | None = None
    """The list that the entry being written stands in."""

    def old(self, pick: Pick | None) -> Any:
        """What stands where a value will be written."""
        return pick.read(self.sources) if pick else None

    def write(self, pick: Pick | None, value: Any) -> None:
        """Put a value where the manifest reads it."""
        if pick is None:
            return
        path = present_path(pick, self.sources)
        if self.form == "text" and (path.source == "text" or path.text == "body"):
            self._write_text(pick, str(value))
            return
        if pick.charset is not None and isinstance(value, str):
            value = self._encoded(pick.charset, value)
        put(path, self.sources, value)
        if value == "":  # an empty one would be looked for in the other places
            for other in pick.paths:
                if read(other, self.sources) is not None:
                    put(other, self.sources, value)

    def write_all(self, pick: Pick | None, values: Sequence[Any]) -> None:
        """Put as many values as there are where the manifest reads several; only the first where it reads one."""
        if pick is None or not values:
            return
        path = present_path(pick, self.sources)
        at = next(
            (n for n, one in enumerate(path.parts) if one is EVERY or isinstance(one, Counted)),
            None,
        )
        if at is None:
            several = isinstance(read(path, self.sources), list)
            put(path, self.sources, list(values) if several else values[0])
            return
        part, around = path.parts[at], FieldPath("", path.source, path.parts[:at])
        names: Sequence[Part]
        if isinstance(part, Counted):
            names = self._counted(around, part, len(values))
        else:
            names = self._entries(around, len(values))
        for name, value in zip(names, values, strict=True):
            parts: tuple[Part, ...] = (*path.parts[:at], name, *path.parts[at + 1 :])
            put(FieldPath("", path.source, parts), self.sources, value)

    def body(self) -> bytes:
        """The body, written out."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.each is not None and self.form != "text":
            put(self.each, self.sources, [self.sources["item"]])
        body = self.sources["body"]
        if self.form == "text":
            return str(body).encode()
        if self.form == "xml":
            return xml_text(body)
        if self.form == "form":
            return urlencode(body, doseq=True).encode()
        if self.method == "GET" or (body == {} and not kind):
            return b""
        return json.dumps(body, ensure_ascii=False).encode()

    def _write_text(self, pick: Pick, value: str) -> None:
        """Into a body of plain text: in place of what the pattern finds, or of the whole."""
        text = str(self.sources["body"])
        found = pick.pattern.search(text) if pick.pattern is not None else None
        if found is not None:
            start, end = found.span(1 if found.re.groups else 0)
            value = text[:start] + value + text[end:]
        self.sources["body"] = self.sources["text"] = value

    def _encoded(self, charset: FieldPath, value: str) -> str | bytes:
        """A field whose character set stands in another: as recorded where that has the letters, else in UTF-16."""
        named = str(read(charset, self.sources) or "UTF-8")
        try:
            return value.encode(named)
        except (LookupError, UnicodeEncodeError):
            put(charset, self.sources, "UTF-16BE")
            return value.encode("utf-16-be", "replace")

    def _counted(self, around: FieldPath, name: str, count: int) -> list[Part]:
        """The names of so many numbered fields, from 0 or from 1 as the recorded ones are; more are taken away."""
        held = read(around, self.sources)
        fields = held if isinstance(held, dict) else {}
        first = 1 if f"{name}1" in fields and f"{name}0" not in fields else 0
        number = first + count
        while fields.pop(f"{name}{number}", None) is not None:
            number += 1
        return [f"{name}{first + number}" for number in range(count)]

    def _entries(self, around: FieldPath, count: int) -> list[Part]:
        """The indexes of so many entries, each made like the first."""
        held = read(around, self.sources)
        old = held if isinstance(held, list) else [{} if held in (None, "") else held]
        if held is not old or len(old) != count:
            made = [copy.deepcopy(old[min(n, len(old) - 1)]) if old else {} for n in range(count)]
            put(around, self.sources, made)
        return list(range(count))


def opened(
    example: Mapping[str, Any], specs: Sequence[ReportSpec | InboundSpec]
) -> tuple[ReportSpec | InboundSpec | None, Paper]:
    """The first shape that a recorded callback has; of a list the first fitting entry is kept and written on."""
    for spec in specs:
        paper = whole(example)
        if spec.each is None:
            if spec.when.holds(paper.sources):
                return spec, paper
            continue
        for outer, item in listed(spec.each, paper.sources):
            if spec.when.holds({**paper.sources, "item": item, "outer": outer}):
                _keep_only(paper, present_path(spec.each, paper.sources), outer, item)
                return spec, paper
    return None, whole(example)


def blank(spec: ReportSpec | InboundSpec) -> Paper:
    """An empty callback of which `spec` is the shape."""
    sources: dict[str, Any] = {"body": {}, "form": {}, "query": {}, "headers": {}}
    sources["params"] = sources["query"]
    paper = Paper("POST", {"content-type": "application/json"}, sources, "json")
    if spec.each is not None:
        sources |= {"item": {}, "outer": {}}
        put(spec.each.paths[0], sources, [sources["item"]])
        paper.each = spec.each.paths[0]
    for group in spec.when.groups[:1]:
        for condition in group:
            if condition.presence is not False:
                put(condition.path, sources, condition.wanted[0] if condition.wanted else "yes")
    if _uses(spec, "form"):
        paper.headers["content-type"] = FORM
        paper.form = "form"
        sources["body"] = sources["form"]
    return paper


def xml_text(data: Mapping[str, Any]) -> bytes:
    """What `connectors.incoming.xml_data` reads, written: names, lists and texts, attributes as `@name`, text beside them as `#text`.

    Characters that XML cannot carry become the replacement character.
    """
    (name, held), *_ = data.items()
    root = etree.Element(name)
    _fill(root, held)
    written: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _fill(element: etree._Element, held: Any) -> None:
    if not isinstance(held, Mapping):
        element.text = _NOT_XML.sub("\ufffd", "" if held is None else str(held))
        return
    for name, value in held.items():
        if name.startswith("@"):
            element.set(name[1:], _NOT_XML.sub("\ufffd", str(value)))
            continue
        if name == "#text":
            element.text = _NOT_XML.sub("\ufffd", str(value))
            continue
        for one in value if isinstance(value, list) else [value]:
            _fill(etree.SubElement(element, name), one)


def whole(example: Mapping[str, Any]) -> Paper:
    """A recorded callback as it is."""
    headers = {
        str(key).lower(): str(value) for key, value in (example.get("headers") or {}).items()
    }
    body = example.get("text", example.get("body"))
    if body is not None and not isinstance(body, str):
        headers.setdefault("content-type", "application/json")
        body = json.dumps(body)
    query = example.get("query") or ""
    query = query if isinstance(query, str) else urlencode(query)
    request = incoming(
        str(example.get("method", "POST")), f"/?{query}", headers, (body or "").encode()
    )
    sources = copy.deepcopy({**request.sources, "headers": dict(headers)})
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    form: Form = "json"
    if kind == FORM:
        form = "form"
        sources["form"] = sources["body"]  # one dict, whichever way a path names it
    elif kind.endswith("xml"):
        form = "xml"
    elif isinstance(sources["body"], str) and sources["body"]:
        form = "text"
    body_has_names = isinstance(sources["body"], dict) and sources["body"]
    sources["params"] = sources["body"] if body_has_names else sources["query"]
    return Paper(request.method, headers, sources, form)


def _keep_only(paper: Paper, each: FieldPath, outer: Any, item: Any) -> None:
    paper.each = each
    paper.sources |= {"item": item, "outer": outer}
    if EVERY in each.parts:
        cut = len(each.parts) - 1 - each.parts[::-1].index(EVERY)
        put(FieldPath("", each.source, each.parts[:cut]), paper.sources, [outer])
    put(each, paper.sources, [item])


def _uses(spec: ReportSpec | InboundSpec, source: str) -> bool:
    paths = [path for pick in (spec.id, spec.to, spec.at) if pick for path in pick.paths]
    return any(path.source == source for path in paths)
