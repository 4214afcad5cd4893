"""`careloop retention …`: how long what is kept. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

retention = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="How long each class of data is kept, and what then; a worker applies it at night. docs/audit.md.",
)


@retention.command()
def show() -> None:
    """The classes with their periods, what law asks for at least, and what the last run let go."""
    from bot.retention_command import show_command

    show_command()


@retention.command()
def run(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False) -> None:
    """Let go of what has been kept long enough, now, as a worker does at night."""
    from bot.retention_command import run_command

    run_command(dry_run=dry_run)
