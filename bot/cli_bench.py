"""`careloop bench …`. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Measure this installation; ratios first. Add --json for machines.")

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]


@bench.command("turns")
def bench_turns(json: Json = False, stock: Annotated[bool, typer.Option(help="Train and measure stock Rasa too.")] = True) -> None:
    """Whole dialogue turns a second, here and in stock Rasa over HTTP, in one run; and intent accuracy of both."""
    from bot.bench.turns import run

    _report(run(stock=stock), json)


@bench.command("callback")
def bench_callback(json: Json = False) -> None:
    """How fast callbacks are acknowledged at 200 a second while turns run."""
    from bot.bench.callback import run

    _report(run(), json)


@bench.command("road")
def bench_road(json: Json = False) -> None:
    """From callback to the reply at the simulator, at 10 messages a second; memory of gateway and worker."""
    from bot.bench.road import run

    _report(run(), json)


@bench.command("sustained")
def bench_sustained(
    json: Json = False,
    minutes: Annotated[float, typer.Option(min=0.5)] = 30.0,
    per_second: Annotated[float, typer.Option(min=1, help="Messages a second.")] = 40.0,
    workers: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Whole turns a second for half an hour, callbacks meanwhile, growth of memory, and what silence costs."""
    from bot.bench.sustained import run

    _report(run(minutes=minutes, per_second=per_second, workers=workers), json)


@bench.command("language")
def bench_language(
    json: Json = False,
    file: Annotated[Path | None, typer.Option("--file", help="JSON lines with `text`, instead of our own frozen messages.")] = None,
) -> None:
    """How fast messages are read and triaged in one process, its memory, and texts of 100 kB that nobody writes."""
    from bot.bench.language import run

    _report(run(file), json)


@bench.command("hl7")
def bench_hl7(
    json: Json = False,
    file: Annotated[Path | None, typer.Option("--file", help="HL7 messages, instead of three of our own.")] = None,
) -> None:
    """HL7 messages a second: read and understood by one process, stored and acknowledged over 8 connections, applied."""
    from bot.bench.intake import run

    _report(run(file), json)


@bench.command("history")
def bench_history(json: Json = False) -> None:
    """Whether a turn costs more after 10,000 earlier messages than after 10."""
    from bot.bench.history import run

    _report(run(), json)


@bench.command("partitions")
def bench_partitions(json: Json = False, rows: Annotated[int, typer.Option(min=2400, help="Messages in each table.")] = 5_000_000) -> None:
    """What partitions by month would bring to the table of messages: reading, storing, and letting go of a month."""
    from bot.bench.partitions import run

    _report(run(rows=rows), json)


@bench.command("tags")
def bench_tags(json: Json = False) -> None:
    """How many patients a second have their tags looked at again, writes included, and what reading a message for tags costs."""
    from bot.bench.tags import run

    _report(run(), json)


@bench.command("adapt")
def bench_adapt(json: Json = False) -> None:
    """How many events a second the rules that adapt care take in, what fires included, and what a look costs when nothing happened."""
    from bot.bench.adapt import run

    _report(run(), json)


@bench.command("plans")
def bench_plans(json: Json = False, patients: Annotated[int, typer.Option(min=300, help="How many patients are enrolled.")] = 2000) -> None:
    """How many plans a second are planned on, what an idle look costs, and how fast a cohort is enrolled and run dry for 90 days."""
    from bot.bench.plans import run

    _report(run(patients=patients), json)


@bench.command("portrait")
def bench_portrait(json: Json = False) -> None:
    """What a patient's portrait costs, with some days on file and with years."""
    from bot.bench.portrait import run

    _report(run(), json)


@bench.command("cohorts")
def bench_cohorts(
    json: Json = False,
    sizes: Annotated[str, typer.Option(help="Patients, in synthetic hospitals of these sizes.")] = "10000,100000,1000000",
) -> None:
    """What counting a cohort, its first page and a tag's change cost, and how that grows. A million patients take minutes and 14 GB."""
    from bot.bench.cohorts import run

    _report(run(_sizes(sizes)), json)


@bench.command("pages")
def bench_pages(
    json: Json = False,
    sizes: Annotated[str, typer.Option(help="Patients, in synthetic hospitals of these sizes.")] = "10000,1000000",
) -> None:
    """What the console's pages cost, and when they are first painted. A million patients take minutes and 14 GB."""
    from bot.bench.pages import run

    _report(run(_sizes(sizes)), json)


@bench.command("fanout")
def bench_fanout(
    json: Json = False,
    sizes: Annotated[str, typer.Option(help="Families whose follow-up is due at the same moment.")] = "1000,10000,100000",
    workers: Annotated[int, typer.Option(help="Compare one worker with so many; 1 does not.")] = 2,
) -> None:
    """How fast follow-ups that are all due at once are handed to the outbox, and what live chats feel of it. 100,000 take minutes."""
    from bot.bench.fanout import run

    _report(run(sizes=tuple(_sizes(sizes)), workers=workers), json)


@bench.command("all")
def bench_all(json: Json = False) -> None:
    """All benchmarks, one after the other."""
    bench_turns(json)
    bench_callback(json)
    bench_road(json)
    bench_sustained(json, minutes=3.0)
    bench_language(json)
    bench_history(json)
    bench_hl7(json)
    bench_tags(json)
    bench_adapt(json)
    bench_plans(json)
    bench_portrait(json)
    bench_cohorts(json, sizes="10000,100000")
    bench_fanout(json, sizes="1000,10000")
    bench_pages(json, sizes="10000")


def _sizes(said: str) -> list[int]:
    try:
        return [int(size) for size in said.split(",")]
    except ValueError as err:
        raise typer.BadParameter("give whole numbers with commas between them", param_hint="--sizes") from err


@bench.command("charts")
def bench_charts(
    results: Annotated[Path, typer.Argument(help="Lines that benchmarks printed with --json.")] = Path("docs/performance/results.jsonl"),
    folder: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("docs/performance"),
) -> None:
    """Draw the charts of docs/performance.md from what benchmarks found."""
    from bot.bench.charts import draw

    try:
        for path in draw(results, folder):
            typer.echo(path)
    except (OSError, ValueError) as error:
        typer.echo(f"{results}: {error}", err=True)
        raise typer.Exit(1) from None


def _report(result: dict[str, object], as_json: bool) -> None:
    from bot.bench.report import show

    show(result, as_json=as_json)
