"""What teams have on their hands, and, for who leads them, each of their people."""

from console.reports.look import Look
from console.reports.table import Cell, Table, by_group, compared, say
from plans.measures.staff import STAFF
from plans.measures.words import title
from records.staff import names_of

MEASURES = tuple(each.id for each in STAFF)


async def tables(look: Look) -> list[Table]:
    """All together, by team where several are seen, by person."""
    measures = (*MEASURES, "clinician_minutes")
    now, before = await look.figures(measures), await look.figures(measures, before=True)
    heads = [say(f"heads.{name}") for name in ("measure", "now", "before", "change")]
    made = [Table("load", heads, compared(measures, now, before), measures)]
    if look.several:
        parts = await look.figures(measures, ("team",))
        made.append(Table("load_by_team", [say("heads.team"), *map(title, measures)], by_group(parts, measures, str)))
    return [*made, await _people(look)]


async def _people(look: Look) -> Table:
    heads = [say("heads.person"), *map(title, MEASURES)]
    mine = look.managed()
    if mine.teams == ():
        return Table("load_by_person", heads, (), note=say("notes.for_leads"))
    parts = await look.figures(MEASURES, ("staff",), scope=mine)
    names = await names_of(look.tx, parts.groups())
    people = sorted(parts.groups(), key=lambda each: names.get(each, each))
    rows = [[Cell(names.get(each, each)), *(parts.cell(id, each) for id in MEASURES)] for each in people]
    series = [{"name": title(id), "values": [_value(parts.of(id, each)) for each in people]} for id in MEASURES]
    chart = {
        "kind": "stacked",
        "x": [names.get(each, each) for each in people],
        "series": series,
        "unit": say("units.items"),
        "whole": True,
    }
    return Table("load_by_person", heads, rows, (), chart)


def _value(result: object) -> float:
    return float(getattr(result, "value", None) or 0)
