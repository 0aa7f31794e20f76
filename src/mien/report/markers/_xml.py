"""Writing XML that a person can read."""

from __future__ import annotations

from xml.etree import ElementTree as Xml


def child(parent: Xml.Element, tag: str, text: str | int | None = None, **attributes: str) -> Xml.Element:
    """A new last child."""
    element = Xml.SubElement(parent, tag, attributes)
    element.text = None if text is None else str(text)
    return element


def document(root: Xml.Element, doctype: str | None = None) -> str:
    """The whole document, indented; characters that XML cannot hold are replaced by spaces."""
    for element in root.iter():
        element.text = None if element.text is None else _legal(element.text)
        element.attrib.update({name: _legal(value) for name, value in element.attrib.items()})
    Xml.indent(root)
    head = ['<?xml version="1.0" encoding="UTF-8"?>', *([f"<!DOCTYPE {doctype}>"] if doctype else [])]
    return "\n".join([*head, Xml.tostring(root, encoding="unicode")]) + "\n"


def _legal(text: str) -> str:
    return "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else " " for c in text)
