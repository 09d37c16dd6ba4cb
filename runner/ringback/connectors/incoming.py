"""A request that came in from a gateway, and what its body says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lxml import etree

from ringback.journal import jsontext
from ringback.problems import Failure


@dataclass(frozen=True)
class IncomingRequest:
    """One callback as it arrived.

    `url` is the public address with its query, as the gateway wrote it; `headers` have lower-case names;
    `body` is byte for byte what came, since signatures are over bytes.
    """

    method: str
    url: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""
    content_type: str = ""
    remote: str = ""

    @cached_property
    def sources(self) -> dict[str, Any]:
        """What paths read from. Raises `Failure("invalid_input")` where the body is not what it claims to be."""
        form: dict[str, Any] = {}
        kind = self.content_type.partition(";")[0].strip().lower()
        text = self.body.decode("utf-8", "replace")
        body: Any = text
        if kind == "application/x-www-form-urlencoded":
            body = form = first_of_each(parse_qsl(text, keep_blank_values=True))
        elif kind.endswith("json") or text.lstrip()[:1] in ("{", "["):
            body = _json(text) if text.strip() else {}
        elif kind.endswith("xml"):
            body = xml_data(self.body)
        query = first_of_each(self.query)
        return {
            "body": body,
            "form": form,
            "query": query,
            "params": {**query, **body} if isinstance(body, dict) else query,
            "headers": self.headers,
            "text": text,
            "octets": urlsplit(self.url).query,
        }


def incoming(
    method: str, url: str, headers: Mapping[str, str], body: bytes = b"", remote: str = ""
) -> IncomingRequest:
    """An `IncomingRequest` of a whole public address and headers in any case."""
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in headers.items()}
    query = parse_qsl(parts.query, keep_blank_values=True)
    kind = lower.get("content-type", "")
    return IncomingRequest(method, url, parts.path, query, lower, body, kind, remote)


def with_query(url: str, **values: str) -> str:
    """The address with values added to its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(values)}" if values else url


def first_of_each(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The first value of each name."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values.setdefault(name, value)
    return values


def _json(text: str) -> Any:
    try:
        return jsontext.read(text)
    except (ValueError, RecursionError):
        raise Failure("invalid_input", "The body is not valid JSON.") from None


_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
)


def xml_data(body: bytes) -> Any:
    """XML as names, lists and texts. Raises `Failure("invalid_input")`; document types are not read."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Failure("invalid_input", "The body is XML with a document type, which is not read.")
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        raise Failure("invalid_input", "The body is not valid XML.") from None
    return {etree.QName(root).localname: _element(root)}


def _element(element: Any) -> Any:
    """Text where there is nothing else, `#text` beside others; a name that occurs again makes a list; attributes are `@name`."""
    held: dict[str, Any] = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name, value = etree.QName(child).localname, _element(child)
        if name in held:
            held[name] = [*(held[name] if isinstance(held[name], list) else [held[name]]), value]
        else:
            held[name] = value
    said = "".join([element.text or "", *(child.tail or "" for child in element)]).strip()
    if not held:
        return said
    if said:
        held["#text"] = said
    return held
