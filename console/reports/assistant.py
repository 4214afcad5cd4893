"""The assistant: how much it understood, what was taken back, what became a person's."""

from console.reports.look import Look
from console.reports.table import Cell, Figures, Table, by_group, called, compared, count, percent, say
from plans.measures.conversations import CONVERSATIONS
from plans.measures.words import title

MEASURES = tuple(each.id for each in CONVERSATIONS)
DRAWN = ("understood", "corrected", "handed_over")
TRIAGED = ("emergency", "urgent", "same_day", "routine")


async def tables(look: Look) -> list[Table]:
    """All together, by day or week, by team where several are seen, by level of triage, by how it was handled."""
    now, before = await look.figures(MEASURES), await look.figures(MEASURES, before=True)
    heads = [say(f"heads.{name}") for name in ("measure", "now", "before", "change")]
    made = [Table("assistant", heads, compared(MEASURES, now, before), MEASURES), await _triage(look), await _course(look)]
    if look.several:
        parts = await look.figures(MEASURES, ("team",))
        made.append(Table("assistant_by_team", [say("heads.team"), *map(title, MEASURES)], by_group(parts, MEASURES, str)))
    return [*made, await _answers(look)]


async def _course(look: Look) -> Table:
    unit = look.span.unit
    parts = await look.figures(DRAWN, (unit,))
    series = [{"name": title(id), "values": [percent(parts.of(id, each)) for each in parts.groups()]} for id in DRAWN]
    chart = {"kind": "line", "x": parts.groups(), "series": series, "unit": "%"}
    rows = by_group(parts, DRAWN, str)
    return Table("assistant_course", [say(f"heads.{unit}"), *map(title, DRAWN)], rows, (), chart, folded=True)


async def _answers(look: Look) -> Table:
    parts = await look.figures(("answered_alone",), ("answer",))
    numbers = {each: _number(parts, "answered_alone", each) for each in parts.groups()}
    groups, total, name = sorted(numbers, key=lambda each: -numbers[each]), sum(numbers.values()), called("answer")
    rows = [[Cell(name(each)), count(numbers[each]), Cell(numbers[each] / total, "percent")] for each in groups]
    chart = {
        "kind": "bar",
        "x": [name(each) for each in groups],
        "series": [{"name": say("heads.messages"), "values": [numbers[each] for each in groups]}],
        "unit": say("units.pieces"),
        "whole": True,
    }
    return Table("answers", [say("heads.answer"), say("heads.messages"), say("heads.share")], rows, (), chart)


async def _triage(look: Look) -> Table:
    parts, name = await look.figures(("messages_alarming",), ("level",)), called("level")
    numbers = {each: _number(parts, "messages_alarming", each) for each in TRIAGED}
    total = sum(numbers.values())
    rows = [[Cell(name(each)), count(n), Cell(n / total, "percent")] for each, n in numbers.items() if total]
    return Table("triage", [say("heads.triaged"), say("heads.messages"), say("heads.share")], rows)


def _number(figures: Figures, measure: str, group: str) -> float:
    found = figures.of(measure, group)
    return found.denominator if found else 0
