"""What is wrong with a template, in the author's words (mistakes.yml)."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml
from pydantic_core import PydanticCustomError


@cache
def _sentences() -> dict[str, str]:
    loaded: dict[str, str] = yaml.safe_load(Path(__file__).with_name("mistakes.yml").read_text(encoding="utf-8"))
    return loaded


def sentence(code: str, **values: object) -> str:
    """The sentence of this code, filled in. Raises KeyError for one that is not there."""
    return _sentences()[code].format(**values)


def mistake(code: str, *, at: tuple[int | str, ...] = (), **values: object) -> PydanticCustomError:
    """The error to raise in a check; `at` leads from what is checked to the part that is wrong (plans/authored.py shows its line)."""
    return PydanticCustomError(code, sentence(code, **values), {"at": at})


def listed(names: Iterable[object]) -> str:
    """Several names in one sentence."""
    return "、".join(sorted(map(str, names)))
