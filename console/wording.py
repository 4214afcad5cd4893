"""What a page calls things, apart from its template: YAML beside the templates."""

from functools import cache
from typing import Any

import yaml

from console.page import TEMPLATES


@cache
def wording(area: str) -> dict[str, Any]:
    """The words of templates/console/AREA/words.yml."""
    loaded: dict[str, Any] = yaml.safe_load((TEMPLATES / "console" / area / "words.yml").read_text("utf-8"))
    return loaded
