"""`careloop cohort …`: groups of patients. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

cohort = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Groups of patients by what holds of them; the language is in docs/cohorts.md."
)

Asked = Annotated[str, typer.Argument(help="Such as: 标签 早产儿 且 非 标签 化疗 且 月龄 3..12; or the builder form as JSON.")]
By = Annotated[str, typer.Option("--by", help="The clinician's userid: his teams' patients are meant, and he is noted as the reader.")]
After = Annotated[int, typer.Option(help="Go on behind this number, which the page before gave.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="Patients on a page.")]
Number = Annotated[int, typer.Argument(help="The cohort's number, as `careloop cohort saved` shows it.")]


@cohort.command("count")
def count_patients(query: Asked, by: By) -> None:
    """How many patients a query finds."""
    from bot.cohort_commands import count_command

    count_command(query, by)


@cohort.command("list")
def list_patients(query: Asked, by: By, after: After = 0, limit: Limit = 50) -> None:
    """Whom a query finds, page by page."""
    from bot.cohort_commands import list_command

    list_command(query, by, after=after, limit=limit)


@cohort.command()
def explain(query: Asked, record_number: Annotated[str, typer.Argument(help="The child's record number.")], by: By) -> None:
    """Why a child is found or not: every term with its verdict and what it rests on."""
    from bot.cohort_commands import explain_command

    explain_command(query, record_number, by)


@cohort.command()
def compare(first: Asked, second: Asked, by: By) -> None:
    """How many only the first query finds, how many both, and how many only the second."""
    from bot.cohort_commands import compare_command

    compare_command(first, second, by)


@cohort.command()
def save(
    name: Annotated[str, typer.Argument(help="Its name in the team; under a name that is there it becomes the next version.")],
    query: Asked,
    by: By,
    team: Annotated[str, typer.Option(help="The team that owns it, one of the clinician's.")],
    shared: Annotated[bool, typer.Option("--shared", help="Of the whole hospital; each team sees its own patients in it.")] = False,
) -> None:
    """Keep a cohort: its members follow the records by themselves from now on."""
    from bot.cohort_commands import save_command

    save_command(name, query, by, team=team, shared=shared)


@cohort.command()
def saved(by: By) -> None:
    """The cohorts that are kept, with how many members each has in the clinician's teams."""
    from bot.cohort_commands import saved_command

    saved_command(by)


@cohort.command()
def members(number: Number, by: By, after: After = 0, limit: Limit = 50) -> None:
    """Who is in a kept cohort now, page by page."""
    from bot.cohort_commands import members_command

    members_command(number, by, after=after, limit=limit)


@cohort.command()
def end(number: Number, by: By) -> None:
    """Keep a cohort no longer. Its versions and its comings and goings stay on file."""
    from bot.cohort_commands import end_command

    end_command(number, by)
