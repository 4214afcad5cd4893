"""Alerts: how many, how fast they were taken and closed, and what came of them."""

from console.reports.look import Look
from console.reports.table import Cell, Figures, Table, called, cell, count, p90, percent, say
from plans.measures.alerts import LEVELS

TIMES = tuple(f"alert_{what}_{level}" for what in ("response", "in_time", "close") for level in LEVELS)


async def tables(look: Look) -> list[Table]:
    """By level, by team where several are seen, by day or week, and by outcome."""
    now = await look.figures(TIMES)
    useful = await look.figures(("alert_precision",), ("level",))
    level = called("level")
    heads = [say(f"heads.{name}") for name in ("level", "alerts", "taken", "taken_p90", "in_time", "closed", "closed_p90", "useful")]
    rows = [[Cell(level(each)), *_times(now, each), useful.cell("alert_precision", each)] for each in LEVELS]
    made = [Table("alerts", heads, rows, (*TIMES, "alert_precision"))]
    if look.several:
        made.append(await _by_team(look, heads[:-1]))
    return [*made, await _course(look), await _outcomes(look)]


def _times(figures: Figures, level: str, *group: str) -> list[Cell]:
    taken, closed = figures.of(f"alert_response_{level}", *group), figures.of(f"alert_close_{level}", *group)
    return [
        count(taken.denominator if taken else 0),
        cell(taken),
        p90(taken),
        figures.cell(f"alert_in_time_{level}", *group),
        cell(closed),
        p90(closed),
    ]


async def _by_team(look: Look, heads: list[str]) -> Table:
    parts = await look.figures(TIMES, ("team",))
    level = called("level")
    rows = [
        [Cell(team), Cell(level(each)), *_times(parts, each, team)]
        for team in parts.groups()
        for each in LEVELS
        if parts.of(f"alert_response_{each}", team)
    ]
    chart = {
        "kind": "bar",
        "x": parts.groups(),
        "series": [
            {
                "name": level(each),
                "color": each,
                "values": [percent(parts.of(f"alert_in_time_{each}", team)) for team in parts.groups()],
            }
            for each in LEVELS
        ],
        "unit": "%",
    }
    return Table("alerts_by_team", [say("heads.team"), *heads], rows, (), chart)


async def _course(look: Look) -> Table:
    unit = look.span.unit
    parts = await look.figures(("alerts_closed",), (unit, "level"))
    level, parts_of = called("level"), parts.groups()
    numbers = {(part, each): _number(parts, part, each) for part in parts_of for each in LEVELS}
    series = [{"name": level(each), "color": each, "values": [numbers[part, each] for part in parts_of]} for each in LEVELS]
    chart = {"kind": "stacked", "x": parts_of, "series": series, "unit": say("units.pieces"), "whole": True}
    rows = [[Cell(part), *(count(numbers[part, each]) for each in LEVELS)] for part in parts_of]
    return Table("alerts_course", [say(f"heads.{unit}"), *map(level, LEVELS)], rows, (), chart, folded=True)


async def _outcomes(look: Look) -> Table:
    parts = await look.figures(("alerts_closed",), ("outcome", "level"))
    level, outcome = called("level"), called("outcome")
    groups = sorted(parts.groups(), key=lambda each: -sum(_number(parts, each, of) for of in LEVELS))
    series = [{"name": level(each), "color": each, "values": [_number(parts, group, each) for group in groups]} for each in LEVELS]
    chart = {"kind": "stacked", "x": [outcome(each) for each in groups], "series": series, "unit": say("units.pieces"), "whole": True}
    rows = []
    for group in groups:
        numbers = [_number(parts, group, each) for each in LEVELS]
        rows.append([Cell(outcome(group)), *map(count, numbers), count(sum(numbers))])
    heads = [say("heads.outcome"), *map(level, LEVELS), say("heads.total")]
    return Table("outcomes", heads, rows, ("alerts_closed",), chart)


def _number(figures: Figures, *group: str) -> float:
    found = figures.of("alerts_closed", *group)
    return found.denominator if found else 0
