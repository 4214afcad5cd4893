"""`careloop feed …`: hospital interfaces and their dead letters. Help is instant: every command imports what it needs when it runs."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

feed = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The hospital's interfaces: register senders, see what came, and replay what could not be applied (docs/hospital-data.md).",
)


class Kind(StrEnum):
    """What a feed speaks."""

    hl7 = "hl7"
    fhir = "fhir"
    sqlview = "sqlview"
    tabular = "tabular"


class State(StrEnum):
    """Where a message stands when it is over."""

    dead = "dead"
    ignored = "ignored"
    applied = "applied"


Name = Annotated[str, typer.Argument(help="The feed's name.")]
Feed = Annotated[str | None, typer.Option("--feed", help="Only of this feed.")]
Code = Annotated[str | None, typer.Option(help="Only with this reason, such as no_control_id.")]
Since = Annotated[datetime | None, typer.Option(help="Received from then on, in the hospital's time.")]
Until = Annotated[datetime | None, typer.Option(help="Received before then.")]
Sandbox = Annotated[bool | None, typer.Option("--sandbox/--live", help="In the sandbox messages are tried and never reach a patient.")]
Changes = Annotated[
    list[str] | None,
    typer.Argument(help="key=value: peers, senders, types, charset, silent_after …; a value is JSON, a text or a list with commas."),
]
Token = Annotated[bool, typer.Option("--token", help="Make a new token for POST /intake/NAME and print it, once.")]


@feed.command("list")
def list_feeds() -> None:
    """Every feed: when it was last heard, how many messages came, were applied, wait or are dead, and what is the matter."""
    from bot.intake.command import list_command

    list_command()


@feed.command()
def add(
    name: Name, changes: Changes = None, kind: Annotated[Kind, typer.Option(help="What it speaks.")] = Kind.hl7,
    sandbox: Sandbox = None, token: Token = False,
) -> None:  # fmt: skip
    """Register a feed. `careloop feed add lis peers=10.1.2.0/24 senders=LIS silent_after=60`"""
    from bot.intake.command import add_command

    add_command(name, kind.value, changes or [], sandbox=bool(sandbox), token=token)


@feed.command("set")
def set_feed(
    name: Name, changes: Changes = None, sandbox: Sandbox = None, token: Token = False,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Whether its messages are taken and applied.")] = None,
) -> None:  # fmt: skip
    """Change a feed; `key=` takes a setting away. Without changes its settings are shown. Doors follow within seconds."""
    from bot.intake.command import set_command

    set_command(name, changes or [], sandbox=sandbox, active=active, token=token)


@feed.command()
def dead(
    feed: Feed = None, code: Code = None, since: Since = None, until: Until = None,
    limit: Annotated[int, typer.Option(help="How many, the newest first.")] = 50,
) -> None:  # fmt: skip
    """Messages that could not be applied or were refused, with the reason; never what they say."""
    from bot.intake.command import dead_command

    dead_command(feed, code, since, until, limit)


@feed.command()
def show(
    number: Annotated[int, typer.Argument(help="The message's number, as `careloop feed dead` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Its text too, which names the patient; that it was looked at is noted.")] = False,
) -> None:
    """Everything that is known of a message, without what it says unless --raw is given."""
    from bot.intake.command import show_command

    show_command(number, raw=raw)


@feed.command()
def replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="Messages; else those that the options choose.")] = None,
    feed: Feed = None, code: Code = None, since: Since = None, until: Until = None,
    state: Annotated[State, typer.Option(help="Messages in this state.")] = State.dead,
) -> None:  # fmt: skip
    """Apply messages again, in the order in which they came, after what stood in their way was mended. Twice does no harm."""
    from bot.intake.command import replay_command

    replay_command(numbers or [], feed, code, since, until, state.value)


@feed.command("map")
def map_columns(
    name: Name, file: Annotated[Path, typer.Argument(help="The mapping, in YAML (docs/hospital-data.md).", dir_okay=False)]
) -> None:
    """Say which columns of a view or a table mean what. Rows that were refused before can then be replayed."""
    from bot.intake.row_commands import map_command

    map_command(name, file)


@feed.command("try")
def try_rows(name: Name) -> None:
    """The first rows of a view and what they would say, a JSON line each. Nothing is stored."""
    from bot.intake.row_commands import try_command

    try_command(name)


@feed.command("import")
def import_rows(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV or xlsx, at most 5 MB.", dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try every row and tell what would become of it; writes nothing.")] = False,
) -> None:
    """Bring a table into the record by the feed's mapping: good rows are taken, every other one is told with its line and the reason."""
    from bot.intake.row_commands import import_command

    if import_command(name, file, dry_run=dry_run):
        raise typer.Exit(1)
