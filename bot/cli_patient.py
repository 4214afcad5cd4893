"""`careloop patient …`: portraits, what records miss, and whose record is whose.

Help is instant: every command imports what it needs when it runs.
"""

from pathlib import Path
from typing import Annotated

import typer

patient = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="A patient's portrait, what records miss, and whose record is whose."
)

Number = Annotated[str, typer.Argument(help="The child's record number.")]
Question = Annotated[int, typer.Argument(help="The question's number, as `careloop patient links` prints it.")]
By = Annotated[str, typer.Option(help="Who decides; kept with the decision.")]
Why = Annotated[str, typer.Option(help="Kept with the change.")]


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


@patient.command()
def note(
    number: Annotated[int, typer.Argument(help="The note's number, as the portrait shows it.")],
    by: Annotated[str, typer.Option("--by", help="The clinician (userid) who reads it: of the child's team. Audited.")],
) -> None:
    """The text of a clinical note. A portrait shows only title and day."""
    from bot.portrait import note_command

    note_command(number, by)


@patient.command()
def links(
    everything: Annotated[bool, typer.Option("--all", help="Those that have been answered too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the oldest first.")] = 50,
) -> None:
    """Questions to a person: who may be whom, and which message waits because what it says does not fit."""
    from bot.patients import links_command

    links_command(everything=everything, limit=limit)


@patient.command()
def accept(
    question: Question,
    number: Annotated[
        str | None, typer.Option("--patient", help="Record number of the patient meant, where the question names none.")
    ] = None,
    by: By = "command line",
) -> None:
    """Yes, they are the same: two records are merged, or the waiting messages are applied to the record that is meant."""
    from bot.patients import accept_command

    accept_command(question, number, by=by)


@patient.command()
def refuse(question: Question, by: By = "command line") -> None:
    """No, they are two: nothing is merged or applied, and the question is not put again."""
    from bot.patients import refuse_command

    refuse_command(question, by=by)


@patient.command()
def merge(kept: Number, gone: Number, why: Why, by: By = "command line") -> None:
    """Make GONE the same patient as KEPT, who keeps the record. Double plans end, alerts stay open, and it can be undone."""
    from bot.patients import merge_command

    merge_command(kept, gone, why, by=by)


@patient.command()
def unmerge(
    gone: Annotated[str, typer.Argument(help="A number of the patient who was merged away by mistake.")], by: By = "command line"
) -> None:
    """Take the newest merge of this number back. What came since stays with the patient who was kept."""
    from bot.patients import unmerge_command

    unmerge_command(gone, by=by)
