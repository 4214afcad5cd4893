"""`careloop patient …`: portraits, and what records miss. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

patient = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="A patient's portrait, and what the records of a team miss.")

Number = Annotated[str, typer.Argument(help="The child's record number.")]


@patient.command()
def portrait(
    record_number: Number,
    by: Annotated[
        str | None, typer.Option("--by", help="Look as this clinician (userid) may; else as whoever has the command line. Audited.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole read model as JSON.")] = False,
    fhir: Annotated[bool, typer.Option("--fhir", help="A FHIR R4 Bundle of the patient's resources.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page for reading and printing.", dir_okay=False)] = None,
) -> None:
    """Who the patient is, diagnoses, tags and why, vitals and growth, medicines, results, follow-ups, alerts, contact, timeline."""
    from bot.portrait import portrait_command

    portrait_command(record_number, by=by, form="json" if as_json else "fhir" if fhir else "text", html=html)


@patient.command()
def completeness(
    by: Annotated[str, typer.Option("--by", help="The clinician (userid) whose teams are counted.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """How many records of a clinician's teams are complete, and how many miss which field."""
    from bot.portrait import completeness_command

    completeness_command(by, as_json=as_json)
