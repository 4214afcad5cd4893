"""`careloop sending …`: hold back all that the hospital begins by itself, and let it go on."""

from typing import Annotated

import typer

sending = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Hold back follow-ups, reminders, mass messages and contents all at once, and let them go on. Answers and alerts always go.",
)

By = Annotated[str, typer.Option(help="Who says so; it is kept in the audit.")]
Why = Annotated[str, typer.Option(help="Why; it is shown to all who work here, and kept.")]


@sending.command()
def pause(by: By, why: Why) -> None:
    """From now on nothing that we begin goes out, whatever is planned or approved. Replies, alerts and clinicians' words go on."""
    from bot.sending_commands import pause_command

    pause_command(by, why)


@sending.command()
def resume(by: By, why: Annotated[str, typer.Option(help="Why; it is kept.")] = "") -> None:
    """Let it go on: what still has its use is sent, behind everything that answers; the rest is withdrawn."""
    from bot.sending_commands import resume_command

    resume_command(by, why)


@sending.command()
def status() -> None:
    """Whether it is paused, by whom, since when and why; and how much waits."""
    from bot.sending_commands import status_command

    status_command()
