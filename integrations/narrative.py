"""Marked-up text (a FHIR narrative, a record kept as HTML or XML) as plain lines. Any input gives a text, in linear time."""

import html
import re

# No part of it can begin a second time within itself, so that a text full of < costs no more than any other.
# `<38.5，血压>` is none.
_TAG = re.compile(r"(<!--|-->|<[/!?]?[A-Za-z\[][^<>]*>)")
_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]*)")
_BREAKS = frozenset(("br", "p", "div", "li", "tr", "ul", "ol", "table", "section", "title", "hr", *(f"h{n}" for n in range(1, 7))))
_CELLS = frozenset(("td", "th"))
# What is between them is nothing that people read.
_HIDDEN = frozenset(("script", "style", "head"))
_BLANKS = re.compile(r"[ \t\u00a0\u3000]+")


def is_marked_up(text: str) -> bool:
    """Whether a text is HTML or XML as a whole."""
    return text.lstrip()[:1] == "<" and text.rstrip()[-1:] == ">"


def plain_text(marked: str) -> str:
    """The words, a line for each block. Nothing of a tag, a comment, a script or a style is left."""
    parts: list[str] = []
    hidden, comment = "", False
    for piece in _TAG.split(marked):
        if piece == "<!--" or piece == "-->":
            comment = piece == "<!--"
            continue
        if comment:
            continue
        tagged = _TAG.fullmatch(piece)
        name = _NAME.match(piece) if tagged else None
        if name is not None:
            closing, tag = name[1], name[2].lower()
            if hidden:
                hidden = "" if closing and tag == hidden else hidden
            elif tag in _HIDDEN and not closing and not piece.endswith("/>"):
                hidden = tag
            elif tag in _BREAKS:
                parts.append("\n")
            elif tag in _CELLS:
                parts.append(" ")
        elif not hidden and not tagged:
            parts.append(html.unescape(_BLANKS.sub(" ", piece.replace("\r", " ").replace("\n", " "))))
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)
