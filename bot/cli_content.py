"""`careloop content …`: the content centre. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

content = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Articles and message templates: drafts, reviews, publications, pushes and what families made of them (docs/content.md).",
)

By = Annotated[str, typer.Option("--by", help="The clinician's userid; his teams' contents and the hospital's are meant.")]
Code = Annotated[str, typer.Argument(help="The content's code.")]
Number = Annotated[str, typer.Argument(help="The child's record number.")]
Reason = Annotated[str, typer.Option(help="Why, as it is to be kept.")]
Team = Annotated[str | None, typer.Option(help="A team's own contents; left out: the whole hospital's.")]


@content.command("list")
def list_contents(
    by: By,
    state: Annotated[str | None, typer.Option(help="draft, reviewed, published, expired, withdrawn or dropped.")] = None,
    team: Annotated[str | None, typer.Option(help="Only this team's own.")] = None,
) -> None:
    """What there is: code, version, state, owner, reviewer, when it is to be reviewed again."""
    from bot.content_commands import list_command

    list_command(by, state=state, team=team)


@content.command()
def show(code: Code, by: By, version: Annotated[int | None, typer.Option(help="Left out: the newest.")] = None) -> None:
    """A content with its versions, its history, its text, and what is wrong with it."""
    from bot.content_commands import show_command

    show_command(code, by, version=version)


@content.command("import")
def import_contents(
    file: Annotated[Path, typer.Argument(help="YAML or JSON; pictures and files beside it.")], by: By, team: Team = None
) -> None:
    """Make drafts of the contents in a file: all of them, or none and every mistake with its line."""
    from bot.content_commands import import_command

    import_command(file, by, team=team)


@content.command("export")
def export_contents(
    file: Annotated[Path, typer.Argument(help="New YAML file; pictures and files are written beside it.", dir_okay=False)],
    by: By,
    codes: Annotated[list[str] | None, typer.Option("--code", help="Only these; may be given several times.")] = None,
) -> None:
    """Write contents as a file that can be changed and imported."""
    from bot.content_commands import export_command

    if file.exists():
        raise typer.BadParameter(f"{file} is there already")
    export_command(file, by, codes=codes or [])


@content.command("draft")
def drafts_from_answers(
    by: By,
    file: Annotated[Path | None, typer.Argument(help="New YAML file; left out: only list them.", dir_okay=False)] = None,
) -> None:
    """Answers that clinicians put aside for the library: listed, or written as drafts to complete and import."""
    from bot.content_commands import answers_command

    if file is not None and file.exists():
        raise typer.BadParameter(f"{file} is there already")
    answers_command(file, by)


@content.command()
def review(
    code: Code,
    by: By,
    back: Annotated[str | None, typer.Option(help="Send it back to its author, for this reason.")] = None,
    note: Annotated[str, typer.Option(help="What to keep with the review.")] = "",
) -> None:
    """Say that a draft, or a shipped text, may be published. Whoever wrote or changed it cannot."""
    from bot.content_commands import review_command

    review_command(code, by, back=back, note=note)


@content.command()
def publish(code: Code, by: By) -> None:
    """Show the reviewed version to families; the one before ends."""
    from bot.content_commands import publish_command

    publish_command(code, by)


@content.command()
def expire(
    code: Code,
    by: By,
    reason: Reason,
    wrong: Annotated[bool, typer.Option("--wrong", help="Something is wrong with it: withdrawn.")] = False,
) -> None:
    """Show the published version no longer. What waits in the outbox does not go either."""
    from bot.content_commands import expire_command

    expire_command(code, by, reason=reason, wrong=wrong)


@content.command()
def drop(code: Code, by: By, reason: Reason) -> None:
    """Give up a draft."""
    from bot.content_commands import drop_command

    drop_command(code, by, reason=reason)


@content.command()
def push(
    code: Code,
    record_number: Number,
    by: By,
    because: Annotated[str, typer.Option(help="Why, as clinicians are to read it.")],
    again: Annotated[bool, typer.Option("--again", help="Even when the family had it lately.")] = False,
) -> None:
    """Send a content to a child's family, when its hours, budget and window allow it. Once a day at most."""
    from bot.content_commands import push_command

    push_command(code, record_number, by, because=because, again=again)


@content.command("match")
def match_contents(record_number: Number, by: By, limit: Annotated[int, typer.Option(min=1, max=50)] = 10) -> None:
    """Which contents fit a child now, best first, and why."""
    from bot.content_commands import match_command

    match_command(record_number, by, limit=limit)


@content.command()
def stats(
    by: By,
    code: Annotated[str | None, typer.Option(help="Only this content.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
) -> None:
    """For each version: shown in answers, pushed, opened, read to the end, useful or not."""
    from bot.content_commands import stats_command

    stats_command(by, code=code, as_csv=csv)


@content.command()
def due(by: By, days: Annotated[int, typer.Option(min=0, help="Looking so many days ahead.")] = 30) -> None:
    """Published contents that are to be reviewed again."""
    from bot.content_commands import due_command

    due_command(by, days=days)
