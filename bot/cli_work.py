"""`careloop work …`: what waits for a clinician. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

work = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="What waits for a clinician, and closing it.")

By = Annotated[str, typer.Option(help="The clinician's userid: whose list it is, and who does it.")]
Errand = Annotated[int, typer.Argument(help="The errand's number, as `careloop work list` prints it.")]


@work.command("list")
def list_errands(by: By, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """The work list of a clinician's teams: alerts, follow-ups that did not go as planned, errands (with their number). Audited."""
    from bot.work import list_command

    list_command(by, as_json=as_json)


@work.command()
def take(errand: Errand, by: By) -> None:
    """Say that you are doing it; the others see your name beside it."""
    from bot.work import take_command

    take_command(errand, by=by)


@work.command()
def done(errand: Errand, by: By, outcome: Annotated[str, typer.Option(help="What came of it.")] = "") -> None:
    """Close an errand that has been done."""
    from bot.work import close_command

    close_command(errand, "done", by=by, outcome=outcome)


@work.command()
def drop(errand: Errand, by: By, why: Annotated[str, typer.Option(help="Why it is not needed or not possible.")]) -> None:
    """Close an errand that is not needed or not possible; that is an honest end, with its reason."""
    from bot.work import close_command

    close_command(errand, "dropped", by=by, outcome=why)
