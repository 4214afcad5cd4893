"""Contents: what families opened, read to the end and found useful."""

from sqlalchemy import select

from console.reports.look import Look
from console.reports.table import Cell, Figures, Table, compared, count, say
from plans.measures.contents import CONTENTS
from plans.measures.words import title
from records.content import ContentItem, ContentVersion

MEASURES = tuple(each.id for each in CONTENTS)
# The most shown ones; all of them are in the content centre.
SHOWN, DRAWN = 100, 12


async def tables(look: Look) -> list[Table]:
    """All together, and content by content, the most shown first."""
    now, before = await look.figures(MEASURES), await look.figures(MEASURES, before=True)
    heads = [say(f"heads.{name}") for name in ("measure", "now", "before", "change")]
    parts = await look.figures(MEASURES, ("content",))
    codes = sorted(parts.groups(), key=lambda code: (-_shown(parts, code), code))[:SHOWN]
    names = await _titles(look, codes)
    rows = [[Cell(names.get(code, code)), count(_shown(parts, code)), *(parts.cell(id, code) for id in MEASURES)] for code in codes]
    drawn = codes[:DRAWN]
    series = [
        {"name": say("heads.shown"), "values": [_shown(parts, code) for code in drawn]},
        {"name": say("heads.opened"), "values": [_part(parts, "content_opened", code) for code in drawn]},
        {"name": say("heads.finished"), "values": [_part(parts, "content_finished", code) for code in drawn]},
        {"name": say("heads.found_useful"), "color": "good", "values": [_part(parts, "content_useful", code) for code in drawn]},
    ]
    chart = {"kind": "bar", "x": [names.get(code, code) for code in drawn], "series": series, "unit": say("units.times"), "whole": True}
    by_content = Table("by_content", [say("heads.content"), say("heads.shown"), *map(title, MEASURES)], rows, (), chart)
    return [Table("contents", heads, compared(MEASURES, now, before), MEASURES), by_content]


async def _titles(look: Look, codes: list[str]) -> dict[str, str]:
    query = (
        select(ContentItem.code, ContentVersion.title)
        .join(ContentVersion, ContentVersion.content_id == ContentItem.id)
        .where(ContentItem.code.in_(codes))
        .order_by(ContentVersion.version)
    )
    return dict((await look.tx.execute(query)).all())


def _shown(figures: Figures, code: str) -> float:
    found = figures.of("content_opened", code)
    return found.denominator if found else 0


def _part(figures: Figures, measure: str, code: str) -> float:
    found = figures.of(measure, code)
    return found.numerator if found else 0
