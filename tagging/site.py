"""The part of the body that a mention names (data/sites.yml)."""

import re
from functools import cache, lru_cache
from pathlib import Path

from tagging.folder import read_yaml
from tagging.text import JUDGED

FILE = Path(__file__).parent / "data" / "sites.yml"


@cache
def _sites() -> tuple[re.Pattern[str], dict[str, str]]:
    loaded = read_yaml(FILE)
    key_of = {word: key for key, site in loaded.items() for word in site["say"]}
    longest_first = sorted(key_of, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))), key_of


@lru_cache(maxsize=JUDGED)
def site_of(folded: str, start: int, end: int) -> str | None:
    """The key of the first site named in [start, end) of folded text, else of the one that stands right before it; None if none does."""
    pattern, key_of = _sites()
    match = pattern.search(folded, start, end)
    if match is None:
        # 腿上起了好多疹子: up to four characters may stand between.
        before = [
            found
            for found in pattern.finditer(folded, max(0, start - 8), start)
            if not re.search(r"[，。！？；,!?;\n]", folded[found.end() : start])
        ]
        match = before[-1] if before and start - before[-1].end() <= 4 else None
    return key_of[match.group()] if match else None
