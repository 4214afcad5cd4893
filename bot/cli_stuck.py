"""`careloop stuck …`: what could not be done, and trying it again."""

from enum import StrEnum
from typing import Annotated

import typer

stuck = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What could not be done and waits for a person: families' messages, callbacks, messages of ours. Feeds: `careloop feed dead`.",
)


class Kind(StrEnum):
    """What is stuck."""

    message = "message"
    callback = "callback"
    outgoing = "outgoing"


@stuck.command("list")
def list_stuck(limit: Annotated[int, typer.Option(help="How many of each kind, the newest first.")] = 50) -> None:
    """When, kind, key, what it is, how often it was tried and why it failed; never what it says."""
    from bot.sending_commands import stuck_command

    stuck_command(limit)


@stuck.command()
def again(
    kind: Annotated[Kind, typer.Argument(help="As `careloop stuck list` shows it.")],
    keys: Annotated[list[str], typer.Argument(help="Their keys.")],
    by: Annotated[str, typer.Option(help="Who wants it; it is kept in the audit.")],
    why: Annotated[str, typer.Option(help="What stood in its way and was mended.")] = "",
    even_if_twice: Annotated[
        bool, typer.Option("--even-if-twice", help="Also a message that may have arrived, by a route that would show it twice.")
    ] = False,
) -> None:
    """Try them once more, at once: a message is read again, a callback carried out, a message of ours sent."""
    from bot.sending_commands import again_command

    again_command(kind.value, keys, by=by, why=why, even_if_twice=even_if_twice)
