"""What the pages of retraining call things: intents by name, sentences about them, mistakes."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from bot.retraining.texts import RetrainingError
from bot.retraining.training import ROOT as ROOT
from console.words import area_words

_QUOTES = str.maketrans("「」", "“”")
WRITE, PUBLISH = "nlu.write", "nlu.publish"


def words() -> dict[str, Any]:
    """All of words.yml."""
    return area_words("nlu")


@cache
def names() -> Mapping[str, str]:
    """Intents by code, with what stands for those that are none."""
    found: dict[str, str] = {code: name for theme in words()["themes"].values() for code, name in theme.items()}
    found.update(words()["not_read"])
    return found


def name(intent: str | None) -> str:
    """What people call an intent; its code where it has no name."""
    return names().get(intent or "", intent or "")


@cache
def _codes() -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z_])({'|'.join(sorted(names(), key=len, reverse=True))})(?![A-Za-z_])")


def in_words(sentence: str) -> str:
    """A sentence of the command line with names in the place of codes, and without what is typed there."""
    plain = re.sub(r"[；，]?请?(?:先)?运行 ?`[^`]+`|：`[^`]+`", "", sentence)
    named = _codes().sub(lambda match: f"“{names()[match.group()]}”", plain)
    return named.replace(" “", "“").replace("” ", "”").translate(_QUOTES)


def mistake(err: RetrainingError, **more: str) -> str:
    """What a page says when something cannot be done."""
    said = words()["mistakes"].get(err.code)
    if said is None:
        return in_words(str(err))
    values = err.values | more
    return str(said).format(**values | {"state": words()["version_states"].get(str(values.get("state")), values.get("state"))})


def context() -> dict[str, Any]:
    """What every template of these pages wants."""
    return {"words": words(), "name": name, "in_words": in_words}
