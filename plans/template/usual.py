"""The wordings that a template need not repeat."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def usual_texts() -> dict[str, Any]:
    """What texts.yml holds: the texts around the questions, `again` by kind of question, `declines` by reason."""
    read: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("texts.yml").read_text(encoding="utf-8"))
    return read
