"""Callback XML in the platform's form: strings in CDATA, numbers bare, lists as repeated elements."""

from collections.abc import Mapping

Xml = str | int | Mapping[str, "Xml"] | list["Xml"]


def to_xml(fields: Mapping[str, Xml]) -> str:
    """`<xml>` with one element a field, in the order given."""
    return _element("xml", fields)


def _element(name: str, value: Xml) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(key, item) for key, item in value.items())
    elif isinstance(value, int):
        inner = str(value)
    else:
        inner = "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return f"<{name}>{inner}</{name}>"
