"""`careloop audit …`: whether the audit is as it was written. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

audit = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who opened which record, who changed what, who was refused: sealed, so that what is tampered with shows; docs/audit.md.",
)


@audit.command()
def verify(
    noted: Annotated[
        list[str] | None,
        typer.Option("--head", help="A head that was noted elsewhere, as `careloop audit head` printed it; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Look at every seal and every row: what was changed, removed or put in (exit code 1), and since when rows are not sealed yet."""
    from bot.audit_commands import verify_command

    verify_command(noted or [], as_json=as_json)


@audit.command()
def head() -> None:
    """The newest head: note it outside of this database, on paper or another machine, and give it to `verify --head` later."""
    from bot.audit_commands import head_command

    head_command()


@audit.command()
def minors(
    year: Annotated[int, typer.Option(min=2020, max=2100, help="The year that is audited.")],
    out: Annotated[Path | None, typer.Option(help="Write a new Excel file instead of printing.", dir_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """The yearly audit of minors' personal data (未成年人网络保护条例, article 37), in numbers, with open points."""
    from bot.minors_audit import minors_command

    minors_command(year, out, as_json=as_json)
