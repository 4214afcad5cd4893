"""Follow-ups: how far they came, when families answer, how the plans are kept."""

from console.reports.look import Look
from console.reports.table import Cell, Figures, Table, by_group, called, compared, count, percent, say
from plans.measures.disposition import DUE, Disposition
from plans.measures.words import title

MEDICINES = ("pdc", "pdc_adherent", "self_adherence")
KEPT = ("completion", "response", "follow_up", "lost")
SUMMED = ("completion", "answered", "response", "response_time", "follow_up", "lost", "unreached")
HOURS, WEEKDAYS = tuple(f"{hour:02d}" for hour in range(24)), tuple("1234567")
ENDS = tuple(each for each in Disposition if each in DUE)


async def tables(look: Look) -> list[Table]:
    """All of them; medicines only where no plan was chosen, since prescriptions belong to none."""
    now = await look.figures((*SUMMED, "reached", *(f"disposition_{each}" for each in ENDS)))
    before = await look.figures(SUMMED, before=True)
    heads = [say(f"heads.{name}") for name in ("measure", "now", "before", "change")]
    made = [Table("follow_ups", heads, compared(SUMMED, now, before), SUMMED), _funnel(now), await _course(look), await _hours(look)]
    made += [await _kept(look, "plan")]
    if look.several:
        made.append(await _kept(look, "team"))
    made.append(_ends(now))
    if "plan" not in look.only:
        medicines = await look.figures(MEDICINES)
        made.append(Table("medicines", heads, compared(MEDICINES, medicines, await look.figures(MEDICINES, before=True)), MEDICINES))
    return made


def _funnel(now: Figures) -> Table:
    due = now.of("reached")
    steps = [("due", due.denominator if due else 0)]
    for name, measure in (("reached", "reached"), ("answered", "answered"), ("done", "completion")):
        found = now.of(measure)
        steps.append((name, found.numerator if found else 0))
    rows = [[Cell(say(f"funnel.{name}")), count(n), Cell(n / steps[0][1] if steps[0][1] else None, "percent")] for name, n in steps]
    chart = {
        "kind": "funnel",
        "x": [say(f"funnel.{name}") for name, _ in steps],
        "series": [{"name": say("heads.follow_ups"), "values": [n for _, n in steps]}],
        "unit": say("units.times"),
    }
    heads = [say("heads.step"), say("heads.follow_ups"), say("heads.of_due")]
    return Table("funnel", heads, rows, ("reached", "answered", "completion"), chart)


async def _course(look: Look) -> Table:
    unit = look.span.unit
    parts = await look.figures(("completion", "response"), (unit,))
    chart = {
        "kind": "line",
        "x": parts.groups(),
        "series": [
            {"name": title(id), "values": [percent(parts.of(id, each)) for each in parts.groups()]} for id in ("completion", "response")
        ],
        "unit": "%",
    }
    rows = by_group(parts, ("completion", "response"), str)
    return Table("course", [say(f"heads.{unit}"), title("completion"), title("response")], rows, (), chart, folded=True)


async def _hours(look: Look) -> Table:
    parts = await look.figures(("response",), ("weekday", "hour"))
    hours = [hour for hour in HOURS if any(parts.of("response", day, hour) for day in WEEKDAYS)]
    name = called("weekday")
    values = [[percent(parts.of("response", day, hour)) for hour in hours] for day in WEEKDAYS]
    x = [say("heads.at_hour", hour=int(hour)) for hour in hours]
    chart = {
        "kind": "heat",
        "x": x,
        "y": [name(day) for day in WEEKDAYS],
        "series": [{"name": title("response"), "values": values if hours else []}],
        "unit": "%",
    }
    rows = [[Cell(name(day)), *(parts.cell("response", day, hour) for hour in hours)] for day in WEEKDAYS] if hours else []
    return Table("hours", [say("heads.weekday"), *x], rows, ("response",), chart, folded=True)


async def _kept(look: Look, dimension: str) -> Table:
    parts = await look.figures(KEPT, (dimension,))
    name = (lambda plan: look.plans.get(plan, plan)) if dimension == "plan" else called(dimension)

    def due(group: str) -> Cell:
        found = parts.of("completion", group)
        return count(found.denominator if found else 0)

    rows = by_group(parts, KEPT, name, due)
    chart = {
        "kind": "bar",
        "x": [name(each) for each in parts.groups()],
        "series": [{"name": title(id), "values": [percent(parts.of(id, each)) for each in parts.groups()]} for id in KEPT[:3]],
        "unit": "%",
    }
    heads = [say(f"heads.{dimension}"), say("heads.due"), *map(title, KEPT)]
    return Table(f"kept_by_{dimension}", heads, rows, KEPT, chart if len(parts.groups()) > 1 else None)


def _ends(now: Figures) -> Table:
    rows = []
    for each in ENDS:
        found = now.of(f"disposition_{each}")
        if found is not None and found.numerator:
            rows.append([Cell(title(f"disposition_{each}")), count(found.numerator), Cell(found.value, "percent")])
    return Table("ends", [say("heads.end"), say("heads.follow_ups"), say("heads.of_due")], rows)
