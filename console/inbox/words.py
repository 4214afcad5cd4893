"""What the inbox says by code."""

from functools import cache
from typing import Any

from bot.alerts import OUTCOMES
from console.words import area_words


@cache
def words() -> dict[str, Any]:
    """The groups of words.yml, with the levels and outcomes of alerts as the work list names them."""
    work = area_words("work_list")
    outcomes = {code: work["outcomes"][code] for code in OUTCOMES if code != "answered"}
    return area_words("inbox") | {"levels": work["levels"], "outcomes": outcomes}


def sentence(code: str) -> str:
    """Why something was not done."""
    refused: dict[str, str] = words()["refused"]
    return refused.get(code, refused["unknown"])
