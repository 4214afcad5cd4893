"""`careloop chart …`: visits, medicines and results by hand. Help is instant: every command imports what it needs when it runs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

chart = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Visits, medicines and results by hand, until the hospital's interfaces fill them."
)


class Kind(StrEnum):
    """What the rows of a file are."""

    appointments = "appointments"
    medications = "medications"
    results = "results"


@chart.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 or GB18030, at most 5 MB; columns in docs/chart-import.md.")],
    kind: Annotated[Kind, typer.Option(help="What the rows are.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of every row, and write nothing.")] = False,
) -> None:
    """Put the good rows of a table on file, and say of every other one why it was not taken; then the exit code is 1.

    The same file twice changes nothing.
    """
    from bot.chart import import_command

    if import_command(file, kind.value, dry_run=dry_run):
        raise typer.Exit(1)


@chart.command()
def show(record_number: Annotated[str, typer.Argument(help="The child's record number.")]) -> None:
    """What is on file of a child, also what its family does not see."""
    from bot.chart import show_command

    show_command(record_number)
