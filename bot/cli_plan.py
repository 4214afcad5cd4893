"""`careloop plan …`: templates, enrolments, and what is changed in them. Help is instant: every command imports what it needs."""

from pathlib import Path
from typing import Annotated

import typer

plan = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Plan templates, enrolling patients on them, changes for one patient, pauses, and a dry run; docs/plans.md.",
)

Id = Annotated[str, typer.Argument(help="The template's id, such as neonatal.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Which version; left out: the newest.")]
File = Annotated[Path, typer.Argument(help="A template as YAML, or a FHIR PlanDefinition as JSON.")]
By = Annotated[str, typer.Option("--by", help="The clinician's userid: his teams' patients are meant, and he is noted.")]
Record = Annotated[str, typer.Argument(help="The patient's record number.")]
Hour = Annotated[int | None, typer.Option(help="Hour of the day; left out: when the family likes.")]
Dates = Annotated[list[str] | None, typer.Option("--date", help="A date the record does not know: surgery=2026-03-01; may be repeated.")]
Why = Annotated[str, typer.Option(help="Why; it stands in the history.")]


@plan.command("list")
def list_plans() -> None:
    """Every version of every template: shipped, draft, active, retired."""
    from bot.plan_definitions import list_command

    list_command()


@plan.command()
def show(id: Id, version: Version = None) -> None:
    """A template step by step, as a clinician reads it."""
    from bot.plan_definitions import show_command

    show_command(id, version)


@plan.command()
def check(
    file: File,
    here: Annotated[bool, typer.Option("--here", help="Also whether this hospital has the tags and teams it names.")] = False,
) -> None:
    """Read a template and say every mistake with its line. Needs no database without --here."""
    from bot.plan_definitions import check_command

    check_command(file, here=here)


@plan.command("import")
def import_plan(file: File, by: By) -> None:
    """Keep a template as a draft; another clinician publishes it. A draft of the same version is replaced."""
    from bot.plan_definitions import import_command

    import_command(file, by)


@plan.command()
def export(
    id: Id,
    version: Version = None,
    as_fhir: Annotated[bool, typer.Option("--fhir", help="As a FHIR R4 PlanDefinition instead of YAML.")] = False,
) -> None:
    """Print a template so that it can be imported again."""
    from bot.plan_definitions import export_command

    export_command(id, version, as_fhir=as_fhir)


@plan.command()
def publish(id: Id, version: Annotated[int, typer.Argument(min=1)], by: By) -> None:
    """Let patients be enrolled on a draft. Whoever wrote it cannot; it never changes again."""
    from bot.plan_definitions import publish_command

    publish_command(id, version, by)


@plan.command()
def retire(id: Id, version: Annotated[int, typer.Argument(min=1)], by: By) -> None:
    """Enrol nobody new on a version; those who are on it stay on it."""
    from bot.plan_definitions import retire_command

    retire_command(id, version, by)


@plan.command()
def diff(id: Id, old: Annotated[int, typer.Argument(min=1)], new: Annotated[int, typer.Argument(min=1)]) -> None:
    """What is different between two versions: steps added, removed, changed."""
    from bot.plan_definitions import diff_command

    diff_command(id, old, new)


@plan.command()
def enrol(id: Id, record_number: Record, by: By, date: Dates = None, hour: Hour = None) -> None:
    """Put a patient who is on file on a plan; dates that the record knows need not be given."""
    from bot.plan_enrolments import enrol_command

    enrol_command(id, record_number, by, dates=date or [], hour=hour)


@plan.command("enrol-cohort")
def enrol_cohort(
    id: Id,
    cohort: Annotated[str, typer.Argument(help="A sentence, such as 标签 早产儿 且 月龄 0..3, or the number of a kept cohort.")],
    by: By,
    date: Dates = None,
    hour: Hour = None,
    whoever: Annotated[bool, typer.Option("--whoever", help="Also those for whom the plan is not meant by its own condition.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be enrolled and who refused.")] = False,
) -> None:
    """Put everybody in a cohort on a plan, and say who was refused and why."""
    from bot.plan_enrolments import enrol_cohort_command

    enrol_cohort_command(id, cohort, by, dates=date or [], hour=hour, whoever=whoever, dry_run=dry_run)


@plan.command()
def auto(
    id: Id,
    cohort: Annotated[int, typer.Argument(help="The number of a kept cohort of one of the clinician's teams.")],
    by: By,
    on: Annotated[bool, typer.Option("--on/--off", help="Turn it on or off.")] = True,
    on_left: Annotated[str, typer.Option(help="What happens when somebody leaves: nothing, propose or end.")] = "nothing",
) -> None:
    """Put whoever joins a cohort from now on on a plan by itself."""
    from bot.plan_enrolments import auto_command

    auto_command(id, cohort, by, on=on, on_left=on_left)


@plan.command()
def pause(
    id: Id, record_number: Record, by: By, until: Annotated[str | None, typer.Option(help="The day on which it goes on by itself.")] = None
) -> None:
    """Pause a patient's plan: all of it stops at once."""
    from bot.plan_enrolments import pause_command

    pause_command(id, record_number, by, until=until)


@plan.command()
def resume(id: Id, record_number: Record, by: By) -> None:
    """Go on with a paused plan, from now."""
    from bot.plan_enrolments import resume_command

    resume_command(id, record_number, by)


@plan.command()
def end(id: Id, record_number: Record, by: By, why: Why) -> None:
    """End a patient's plan for good."""
    from bot.plan_enrolments import end_command

    end_command(id, record_number, by, why=why)


@plan.command()
def anchor(
    id: Id,
    record_number: Record,
    name: Annotated[str, typer.Argument(help="Which date: surgery, chemo_day, next_visit …")],
    by: By,
    day: Annotated[list[str] | None, typer.Option(help="The day; several for one that comes again; none takes it back.")] = None,
) -> None:
    """Give a plan a date from which it counts; what hangs on it comes, moves or is withdrawn."""
    from bot.plan_enrolments import anchor_command

    anchor_command(id, record_number, name, by, days=day or [])


@plan.command()
def changes(id: Id, record_number: Record, by: By) -> None:
    """What was changed in a plan for this patient, with the numbers by which it is undone."""
    from bot.plan_changes import changes_command

    changes_command(id, record_number, by)


@plan.command()
def change(
    id: Id,
    record_number: Record,
    what: Annotated[str, typer.Argument(help="skip, move, add, hours, text, frequency or undo.")],
    by: By,
    step: Annotated[str | None, typer.Option(help="The step's id; * with hours for all that name none.")] = None,
    day: Annotated[str | None, typer.Option(help="Which day is skipped, moved from, or added on.")] = None,
    to: Annotated[str | None, typer.Option(help="To which day it is moved.")] = None,
    slot: Annotated[int, typer.Option(help="Which time of that day, from 0.")] = 0,
    hour: Annotated[list[int] | None, typer.Option(help="The hour; several with hours.")] = None,
    every: Annotated[int | None, typer.Option(help="Every so many days (frequency).")] = None,
    days: Annotated[int | None, typer.Option(help="For so many days from tomorrow on (frequency).")] = None,
    title: Annotated[str | None, typer.Option(help="Another title.")] = None,
    text: Annotated[str | None, typer.Option(help="Another text; with add and no step, a message of its own.")] = None,
    question: Annotated[str | None, typer.Option(help="Which question is asked with other words.")] = None,
    ask: Annotated[str | None, typer.Option(help="The other words.")] = None,
    number: Annotated[int | None, typer.Option(help="Which change is undone, as `plan changes` shows it.")] = None,
    why: Why = "",
) -> None:
    """Change a plan for one patient. It stays through new versions until it is undone, and touches no rule."""
    from bot.plan_changes import change_command

    said = {
        "step": step, "day": day, "to": to, "slot": slot, "hour": hour or [], "every": every, "days": days, "title": title, "text": text,
        "question": question, "ask": ask, "number": number,
    }  # fmt: skip
    change_command(id, record_number, what, by, said=said, why=why)


@plan.command()
def move(
    id: Id,
    by: By,
    to: Annotated[int | None, typer.Option(help="To which version; left out: the newest.")] = None,
    record_number: Annotated[str | None, typer.Option("--patient", help="One patient by record number; left out: all of yours.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, the difference is only shown.")] = False,
) -> None:
    """Move one patient or all to another version: what differs, and for each which follow-ups are added, withdrawn, kept."""
    from bot.plan_moves import move_command

    move_command(id, by, to=to, record_number=record_number, yes=yes)


@plan.command("dry-run")
def dry_run(
    template: Annotated[str, typer.Argument(help="Template id, such as neonatal.")] = "neonatal",
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days to look ahead.")] = 14,
    patient: Annotated[str | None, typer.Option(help="One patient by record number: all his plans, and this one.")] = None,
    cohort: Annotated[str | None, typer.Option(help="A sentence or the number of a kept cohort: everybody in it, summed up.")] = None,
    file: Annotated[Path | None, typer.Option(help="A template that is not published yet, from a file.")] = None,
    by: Annotated[str | None, typer.Option(help="The clinician's userid; needed for a patient or a cohort.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Every message that a plan would send: collisions, quiet hours, the platform's quota, the contact budget."""
    from bot.plan_dry_run import dry_run_command

    dry_run_command(template, days, patient=patient, cohort=cohort, file=file, by=by, as_json=as_json)


@plan.command("task")
def explain_task(
    task: Annotated[int, typer.Argument(help="The follow-up's number.")], by: By, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Explain one follow-up in one screen: why it came, what held it, each attempt, what was said and kept, how it ended. Audited."""
    from bot.task_history import task_command

    task_command(task, by=by, as_json=as_json)
