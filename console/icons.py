"""Small drawings in pages: one file of them, named where they are used."""

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

from console.static_files import STATIC

_FILE = "console/icons.svg"


@cache
def icon_names() -> frozenset[str]:
    """The drawings that there are."""
    return frozenset(re.findall(r'<symbol id="([a-z-]+)"', (Path(__file__).parent / "static" / _FILE).read_text("utf-8")))


def icon(name: str, extra: str = "") -> Markup:
    """The drawing `name`, hidden from screen readers: words stand beside it. Raises KeyError for one that is not drawn."""
    if name not in icon_names():
        raise KeyError(name)
    return Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>').format(extra, STATIC(_FILE), name)
