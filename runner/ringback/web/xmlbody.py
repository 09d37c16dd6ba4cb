"""An XML body as plain dicts, read so that it can neither fetch nor explode."""

from __future__ import annotations

from typing import Any

from ringback.web.errors import Refusal

_DEEPEST = 100


def read_xml(raw: bytes, where: str) -> dict[str, Any]:
    """`<order id="7"><sku>A</sku><sku>B</sku></order>` as `{"order": {"@id": "7", "sku": ["A", "B"]}}`.

    Attributes get an `@`, text beside attributes or children is `#text`, an empty element is None, and
    names lose their namespace. A document type is refused: it is what entity attacks need.
    Raises `Refusal` 400.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _refused(f"The body is not XML: {error}.", where) from None
    if root.getroottree().docinfo.doctype:
        raise _refused("The XML has a document type (<!DOCTYPE …>), which is not read.", where)
    return {_name(root): _value(root, where, 0)}


def _name(element: Any) -> str:
    tag = str(element.tag)
    return tag.rpartition("}")[2]


def _value(element: Any, where: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _refused(f"The XML is nested more than {_DEEPEST} deep.", where)
    made: dict[str, Any] = {
        "@" + str(name).rpartition("}")[2]: text for name, text in element.attrib.items()
    }
    texts = [element.text or ""]
    for child in element:
        texts.append(child.tail or "")
        if not isinstance(child.tag, str):  # an entity that was left alone
            continue
        name, value = _name(child), _value(child, where, depth + 1)
        if name not in made:
            made[name] = value
        elif isinstance(made[name], list):
            made[name].append(value)
        else:
            made[name] = [made[name], value]
    text = "".join(texts).strip()
    if not made:
        return text or None
    if text:
        made["#text"] = text
    return made


def _refused(message: str, where: str) -> Refusal:
    return Refusal(400, "invalid_xml", message, "Send well-formed XML without a DOCTYPE.", where)
