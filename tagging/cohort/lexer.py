"""A query's text as tokens, each with its place. Full-width signs read as their plain twins."""

import re
from dataclasses import dataclass
from typing import Literal

from tagging.cohort.query import LONGEST
from tagging.cohort.words import CohortError, keywords, say

Kind = Literal["word", "name", "number", "sign", "end"]
# A full-width sign and its twin are one character each, so that columns stay true.
_TWINS = str.maketrans("（）＜＞＝，≤≥｜“”「」　０１２３４５６７８９．－", '()<>=,⩽⩾|"""" 0123456789.-')
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |"(?P<name>(?:[^"\\]|\\.)*)"
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<sign><=|>=|\.\.|[<>=(),|、⩽⩾])
    |(?P<word>[^\s"<>=(),|、⩽⩾]+)
    |(?P<open>")""",
    re.VERBOSE,
)
_SAME = {"⩽": "<=", "⩾": ">=", "、": "|"}


@dataclass(frozen=True)
class Token:
    """`text` as it was written (a quoted name without its quotes), `meaning` of a keyword or a sign."""

    kind: Kind
    text: str
    start: int
    end: int
    meaning: str | None = None


def place(text: str, start: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def mistake(text: str, start: int, code: str, **values: object) -> CohortError:
    """The error `code` at this character."""
    line, column = place(text, start)
    where = say("mistakes.where_text", line=line, column=column)
    return CohortError(code, where + say(f"mistakes.{code}", **values), line=line, column=column)


def tokens(text: str) -> list[Token]:
    """The tokens, the last of which is `end`. Raises CohortError (`too_long`, `unclosed`)."""
    if len(text) > LONGEST:
        raise mistake(text, LONGEST, "too_long", most=LONGEST, found=len(text))
    plain, found = text.translate(_TWINS), []
    for match in _TOKEN.finditer(plain):
        kind, start, end = match.lastgroup, match.start(), match.end()
        if kind == "open":
            raise mistake(text, start, "unclosed")
        if kind == "name":
            found.append(Token("name", re.sub(r"\\(.)", r"\1", text[start + 1 : end - 1]), start, end))
        elif kind == "sign":
            found.append(Token("sign", text[start:end], start, end, _SAME.get(match["sign"], match["sign"])))
        elif kind == "number":
            found.append(Token("number", match["number"], start, end))
        elif kind == "word":
            found.append(Token("word", text[start:end], start, end, keywords().get(text[start:end].lower())))
    return [*found, Token("end", "", len(text), len(text))]


def quoted(name: str) -> str:
    """`name` as a query writes it: bare where it reads as one plain word, else in quotes."""
    # What looks like a trend or a limit of days would be read so.
    if name and not name.endswith("趋势") and name.lower() not in keywords():
        match = _TOKEN.match(name.translate(_TWINS))
        if match and match.lastgroup == "word" and match.group() == name:
            return name
    escaped = "".join(f"\\{sign}" if sign == "\\" or sign.translate(_TWINS) == '"' else sign for sign in name)
    return f'"{escaped}"'
