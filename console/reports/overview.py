"""The two tables of the published platform, and the same by department."""

from bot.reports import OPERATIONS, SATISFACTION
from console.reports.look import Look
from console.reports.table import Table, by_group, called, compared, percent, say
from plans.measures.words import title


async def tables(look: Look) -> list[Table]:
    """This period beside the one before; by department where there are several."""
    measures = (*OPERATIONS, *SATISFACTION)
    now, before = await look.figures(measures), await look.figures(measures, before=True)
    heads = [say(f"heads.{name}") for name in ("measure", "now", "before", "change")]
    made = [
        Table("operations", heads, compared(OPERATIONS, now, before), OPERATIONS),
        Table("satisfaction", heads, compared(SATISFACTION, now, before), SATISFACTION),
    ]
    parts = await look.figures(measures, ("department",))
    groups = [each for each in parts.groups() if each]
    if len(groups) < 2:
        return made
    name = called("department")
    for code, of, drawn in (("operations", OPERATIONS, OPERATIONS[:2]), ("satisfaction", SATISFACTION, SATISFACTION[:4])):
        chart = {
            "kind": "bar",
            "x": [name(each) for each in groups],
            "series": [{"name": title(id), "values": [percent(parts.of(id, each)) for each in groups]} for id in drawn],
            "unit": "%",
        }
        rows = by_group(parts, of, name)
        made.append(Table(f"{code}_by_department", [say("heads.department"), *map(title, of)], rows, chart=chart))
    return made
