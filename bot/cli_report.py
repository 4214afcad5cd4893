"""`careloop report …`: what a hospital counts. Help is instant: every command imports what it needs when it runs."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

report = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help=(
        "Return visits, records, daily contact, satisfaction, completion, adherence, alerts, minutes; docs/measures.md.\n\n"
        "`careloop report --from 2026-03-01 --to 2026-03-31 --by department` prints every measure of March that departments can be told by."
    ),
)

_DAY = ["%Y-%m-%d"]
From = Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First day. Left out: 30 days up to --to.")]
To = Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last day. Left out: yesterday.")]
As = Annotated[str | None, typer.Option("--as", help="A clinician's userid: only his teams' patients. Left out: the whole hospital.")]


@report.callback()
def figures(
    context: typer.Context,
    first: From = None,
    last: To = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="department, team, plan, step, day, week, month, hour, weekday, route, wording, level; may be repeated."),
    ] = None,
    measure: Annotated[
        list[str] | None, typer.Option(help="Only this measure; may be repeated. `careloop report measures` lists them.")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="table, csv, xlsx or json.")] = "table",
    out: Annotated[Path | None, typer.Option(help="Write a new file instead of printing.", dir_okay=False)] = None,
    reader: As = None,
) -> None:
    """Print or write the figures."""
    if context.invoked_subcommand is not None:
        return
    from bot.reports import report_command

    formats: Any = format
    if format not in ("table", "csv", "xlsx", "json"):
        raise typer.BadParameter("choose table, csv, xlsx or json")
    report_command(_day(first), _day(last), by=by or (), measures=measure or (), format=formats, out=out, reader=reader)


@report.command()
def platform(
    first: From = None,
    last: To = None,
    before_from: Annotated[datetime | None, typer.Option(formats=_DAY, help="First day of a period to compare with.")] = None,
    before_to: Annotated[datetime | None, typer.Option(formats=_DAY, help="Last day of that period.")] = None,
    reader: As = None,
) -> None:
    """The published platform's two tables: return visits, records and daily contact, and satisfaction with its three items."""
    from bot.reports import platform_command

    before_first, before_last = _day(before_from), _day(before_to)
    if (before_first is None) != (before_last is None):
        raise typer.BadParameter("give --before-from and --before-to together")
    before = (before_first, before_last) if before_first is not None and before_last is not None else None
    platform_command(_day(first), _day(last), before, reader=reader)


@report.command()
def measures() -> None:
    """Every measure with its definition and what it can be divided by."""
    from bot.reports import measures_command

    measures_command()


@report.command()
def review(
    flag: Annotated[int, typer.Argument(help="The alert's number.")],
    by: Annotated[str, typer.Option(help="The clinician's userid; he must be of the alert's team.")],
    useful: Annotated[bool, typer.Option("--useful/--useless", help="Whether the alert was of use.")],
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
) -> None:
    """Say whether an alert was of use, for the weekly review; it feeds alert_precision and changes nothing else."""
    from bot.reports import review_command

    review_command(flag, useful=useful, note=note, by=by)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
