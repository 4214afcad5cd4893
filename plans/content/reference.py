"""Where a content comes from and who looked at it, as families read it."""

import re
from functools import cache
from zoneinfo import ZoneInfo

from plans.content.words import say
from records.content import ContentVersion
from tagging.sources import sources


def reference_line(version: ContentVersion, zone: ZoneInfo) -> str:
    """Where it comes from and who looked at it, as families read it."""
    reviewed = say("family.unreviewed")
    if not version.needs_review and version.reviewed_at is not None:
        reviewed = say("family.reviewed", month=f"{version.reviewed_at.astimezone(zone):%Y年%m月}")
    return say("family.reference", source=reference_of(version.source), reviewed=reviewed)


def reference_of(source: str) -> str:
    """Where a text comes from, as a family reads it: the guidelines that `source` cites by their ids; else what a hospital wrote there,
    unless it is our own trail (§, R)."""
    names = _short_names()
    cited = [names[each] for each in dict.fromkeys(re.findall(r"\bS\d+\b", source)) if each in names]
    if cited:
        return "、".join(cited[:3])
    return say("family.general") if re.search(r"§|\bR\b|（R）", source) else source[:60]


@cache
def _short_names() -> dict[str, str]:
    return {name: each["short"] for name, each in sources().items() if "short" in each}
