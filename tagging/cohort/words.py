"""The words of the language, kept in words.yml, and its mistakes."""

from functools import cache
from pathlib import Path
from typing import Any

from tagging.folder import read_yaml

FILE = Path(__file__).with_name("words.yml")
CHINESE, ENGLISH = 0, -1


class CohortError(Exception):
    """A query that cannot be used. `code` says why; the text is one Chinese sentence that names the place: `line` and `column` from 1 in a
    text, `path` ($.all[1].age) in the builder form; `about` is the name that is not known."""

    permanent = True

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
        about: str | None = None,
    ):
        super().__init__(sentence)
        self.code, self.line, self.column, self.path, self.about = code, line, column, path, about


_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def fold(name: str) -> str:
    """Plain letters in lower case, everything else as it is: the same as PostgreSQL's `lower(… collate "C")`."""
    return name.translate(_LOWER)


@cache
def table(group: str) -> dict[str, Any]:
    """One group of words.yml."""
    found: dict[str, Any] = read_yaml(FILE)[group]
    return found


def say(key: str, **values: object) -> str:
    """The sentence `group.name` with its placeholders filled."""
    group, name = key.split(".")
    sentence: str = table(group)[name]
    return sentence.format(**values)


@cache
def keywords() -> dict[str, str]:
    """Every keyword, folded, with what it means."""
    return {word.lower(): meaning for meaning, said in table("keywords").items() for word in said}


@cache
def sources() -> dict[str, str]:
    """Every name of a source of evidence, folded, with its code."""
    return {word.lower(): code for code, said in table("sources").items() for word in said}
