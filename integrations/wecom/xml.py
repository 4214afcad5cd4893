"""The XML of callbacks, read without trust."""

from typing import Any
from xml.parsers import expat

import xmltodict

# The deepest known callback (a template card's SelectedItems) has five levels.
MAX_DEPTH = 16
# Enough for the longest member list; a megabyte of empty elements would hold the loop for half a second, before any signature.
MAX_ELEMENTS = 5000
# One child parses to a value, several to a list; these are always lists.
ALWAYS_LISTS = ("SelectedItem", "OptionId")


class XmlError(ValueError):
    """Not XML, or XML with parts that no callback has."""


def read_xml(source: str | bytes) -> dict[str, Any]:
    """The children of the root ``<xml>`` as ``{tag: text or dict or list}``; an empty element is ``""``.

    Raises XmlError: broken, DTD or entity declarations, too deep, too many elements, another root, or text only.
    """
    try:
        _refuse_traps(source)
        root = xmltodict.parse(source, force_list=ALWAYS_LISTS, postprocessor=lambda _, tag, value: (tag, "" if value is None else value))
    except (expat.ExpatError, ValueError, LookupError) as err:
        raise XmlError(str(err)) from err
    fields = root.get("xml")
    if not isinstance(fields, dict):
        raise XmlError("the root is not <xml> with children")
    return fields


def _refuse_traps(source: str | bytes) -> None:
    """A first look with expat: a DTD is refused where it begins, before any entity in it could be expanded."""
    depth = count = 0

    def refuse(*_: object) -> None:
        raise XmlError("a DTD is not allowed")

    def enter(*_: object) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise XmlError("nested too deeply or too many elements")

    def leave(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate("utf-8")  # as xmltodict: a declared encoding must not show the two different documents
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = enter
    parser.EndElementHandler = leave
    parser.Parse(source, True)
