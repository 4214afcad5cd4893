"""`careloop mass …`: one message to many families. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

mass = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Mass messages: written, previewed, approved by a second person, sent in batches, accounted for (docs/mass-messages.md).",
)

By = Annotated[str, typer.Option(help="The clinician's userid: in whose teams, and who does it.")]
Number = Annotated[int, typer.Argument(help="The message's number, as `careloop mass list` prints it.")]
Why = Annotated[str, typer.Option(help="Kept with the change.")]


@mass.command()
def draft(
    text: Annotated[str, typer.Argument(help="What families read; {name} is their child.")],
    by: By,
    team: Annotated[str, typer.Option(help="In whose name.")],
    title: Annotated[str, typer.Option(help="For clinicians alone.")] = "",
    query: Annotated[str | None, typer.Option(help="To whom: a sentence of the cohort language.")] = None,
    cohort: Annotated[int | None, typer.Option(help="To whom: a kept cohort.")] = None,
    patients: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="To whom: a file of record numbers.")] = None,
) -> None:
    """Write a message to the families of a cohort or list."""
    from bot.mass_commands import draft_command

    draft_command(by, team=team, title=title, text=text, query=query, cohort=cohort, patients=patients)


@mass.command()
def edit(number: Number, text: Annotated[str, typer.Argument(help="The new text.")], by: By) -> None:
    """Change the text of a draft."""
    from bot.mass_commands import edit_command

    edit_command(number, by, text=text)


@mass.command()
def preview(number: Number, by: By) -> None:
    """How many families it reaches, by which routes if it went out now, and how it reads."""
    from bot.mass_commands import preview_command

    preview_command(number, by)


@mass.command()
def test(number: Number, by: By) -> None:
    """Send it to yourself in WeCom, marked as a test."""
    from bot.mass_commands import test_command

    test_command(number, by)


@mass.command()
def submit(
    number: Number, by: By, at: Annotated[str | None, typer.Option(help="When, such as 2026-03-02T09:30; else as soon as it may.")] = None
) -> None:
    """Fix who gets it. Few families: it goes out. Many: a colleague has to approve it first."""
    from bot.mass_commands import submit_command

    submit_command(number, by, at=at)


@mass.command()
def approve(number: Number, by: By) -> None:
    """Let a colleague's message go out."""
    from bot.mass_commands import move_command

    move_command(number, by, "approve")


@mass.command("return")
def send_back(number: Number, by: By, why: Why) -> None:
    """Give a submitted message back to be changed."""
    from bot.mass_commands import move_command

    move_command(number, by, "return", why)


@mass.command()
def pause(number: Number, by: By) -> None:
    """Hand out no more of it for now."""
    from bot.mass_commands import move_command

    move_command(number, by, "pause")


@mass.command()
def resume(number: Number, by: By) -> None:
    """Go on with a paused message."""
    from bot.mass_commands import move_command

    move_command(number, by, "resume")


@mass.command()
def cancel(number: Number, by: By, why: Why) -> None:
    """End it at once; what waits to be sent is taken back."""
    from bot.mass_commands import move_command

    move_command(number, by, "cancel", why)


@mass.command()
def show(number: Number, by: By) -> None:
    """How far it is: families by state, route and result."""
    from bot.mass_commands import show_command

    show_command(number, by)


@mass.command()
def results(
    number: Number, by: By, file: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a CSV file instead of printing.")] = None
) -> None:
    """Family by family: what became of it. The reading is audited."""
    from bot.mass_commands import results_command

    results_command(number, by, file=file)


@mass.command("list")
def list_messages(by: By) -> None:
    """The mass messages of your teams, the newest first."""
    from bot.mass_commands import list_command

    list_command(by)
