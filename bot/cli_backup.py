"""`careloop restore`: back to an earlier moment, and on from there."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

restore = typer.Typer(
    no_args_is_help=True,
    help="Put the database back to an earlier moment, without sending anything twice; what we begin waits until a person says go on.",
)

Folder = Annotated[Path, typer.Argument(help="The backup folder: base-…/ and wal/.", exists=True, file_okay=False)]
Moment = Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"], help="2026-03-01T09:59:00+08:00")]
Lost = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"],
        help="When the old database ended, if it is long ago: what was due later is in nobody's doubt. Left out: now.",
    ),
]


@restore.command("run")
def run(folder: Folder, to: Moment, lost: Lost = None) -> None:
    """Put the embedded database back to a moment. Stop CareLoop first; the old database is kept beside the new one."""
    from bot.backup_command import restore_command

    restore_command(folder, to=to, lost=lost)


@restore.command("settle")
def settle(
    to: Moment,
    newest: Annotated[str | None, typer.Option(help="Address of the old database, recovered as far as its WAL goes.")] = None,
    known: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"], help="How far that is (pg_last_xact_replay_timestamp)."),
    ] = None,
    lost: Lost = None,
) -> None:
    """After you have put your own PostgreSQL server back yourself: learn what was sent since, move numbers on, and pause."""
    from bot.backup_command import settle_command

    settle_command(to=to, newest=newest, known=known, lost=lost)


@restore.command("status")
def status() -> None:
    """Since when, what is known to have been sent, and whether what we begin still waits."""
    from bot.backup_command import status_command

    status_command()


@restore.command("go-on")
def go_on(
    by: Annotated[str, typer.Option(help="Who says so; it is kept.")],
    send_in_doubt: Annotated[
        bool, typer.Option("--send-in-doubt", help="Send also what may have been sent already. Left out: people are told of it.")
    ] = False,
) -> None:
    """End the pause: what we begin is sent again."""
    from bot.backup_command import go_on_command

    go_on_command(by, send_in_doubt=send_in_doubt)
