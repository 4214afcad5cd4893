"""The Chinese of one area of the console, by code, kept beside its templates."""

from functools import cache
from typing import Any

import yaml

from console.page import TEMPLATES
from plans.sentences import Sentences


@cache
def area_words(area: str) -> dict[str, Any]:
    """What templates/console/`area`/words.yml says. Raises OSError when the area has none."""
    words: dict[str, Any] = yaml.safe_load((TEMPLATES / "console" / area / "words.yml").read_text("utf-8"))
    return words


@cache
def area_sentences(area: str) -> Sentences:
    """The same file for areas that say sentences with values in them."""
    return Sentences(TEMPLATES / "console" / area / "words.yml")
