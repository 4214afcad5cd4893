"""`careloop reach …`: how families are reached. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

reach = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="How families are reached: budget, quiet hours, order of routes, every attempt."
)

Number = Annotated[str, typer.Argument(help="The child's record number.")]
File = Annotated[Path, typer.Argument(help="The rules, as `careloop reach rules` prints them.", dir_okay=False, exists=True)]
By = Annotated[str | None, typer.Option("--by", help="Look as this clinician (userid) may; else as whoever has the command line. Audited.")]


@reach.command()
def rules() -> None:
    """The rules in force, as YAML: keep them in a file, change them, and `use` it."""
    from bot.reach_commands import rules_command

    rules_command()


@reach.command()
def check(file: File) -> None:
    """Whether a file of rules could be used; every mistake with its line. Needs no database."""
    from bot.reach_commands import check_command

    check_command(file)


@reach.command()
def use(file: File, by: Annotated[str, typer.Option(help="Who changes the rules; kept with the change.")] = "command line") -> None:
    """Put a file of rules in force, at once and for all workers."""
    from bot.reach_commands import use_command

    use_command(file, by=by)


@reach.command()
def contacts(record_number: Number, by: By = None, days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30) -> None:
    """Every attempt to reach the child's carers: when, what for, by which route, what became of it."""
    from bot.reach_commands import contacts_command

    contacts_command(record_number, by=by, days=days)


@reach.command()
def why(
    record_number: Number, by: By = None, purpose: Annotated[str, typer.Option(help="task, push, mass, content or survey.")] = "task"
) -> None:
    """By which route the child's carer could be reached now, and what is against each of the others. Sends nothing."""
    from bot.reach_commands import why_command

    why_command(record_number, by=by, purpose=purpose)
