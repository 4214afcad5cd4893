"""`careloop tag …`: the tag library and patients' tags. Help is instant: every command imports what it needs when it runs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

tag = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="The tag library, and what each patient carries and why.")


class Kind(StrEnum):
    """What a tag is about."""

    diagnosis = "diagnosis"
    treatment = "treatment"
    management = "management"
    operational = "operational"


Code = Annotated[str, typer.Argument(help="The tag's code, such as asthma or adherence.low.")]
Number = Annotated[str, typer.Argument(help="The child's record number.")]
By = Annotated[str, typer.Option("--by", help="The clinician's userid; he must be on the child's team.")]
Editor = Annotated[str, typer.Option("--by", help="Who changes the library, as it is to be kept.")]
Why = Annotated[str, typer.Option("--why", help="Kept with the change and shown to clinicians.")]
Text = Annotated[str | None, typer.Option()]


@tag.command("list")
def list_tags(kind: Annotated[Kind | None, typer.Option(help="Only tags of this kind.")] = None) -> None:
    """All tags in use with how many patients carry each."""
    from bot.tag_library import list_command

    list_command(kind.value if kind else None)


@tag.command()
def show(code: Code) -> None:
    """What the library says about a tag, and every version of it."""
    from bot.tag_library import show_command

    show_command(code)


@tag.command()
def add(
    code: Code,
    name: Annotated[str, typer.Option(help="At most 30 characters.")],
    kind: Annotated[Kind, typer.Option(help="What it is about.")],
    meaning: Annotated[str, typer.Option(help="When a patient carries it.")],
    by: Editor,
    parent: Annotated[str | None, typer.Option(help="The tag one level up.")] = None,
    group: Annotated[str | None, typer.Option(help="Exclusive group: a patient carries one of its tags.")] = None,
    expires_days: Annotated[int | None, typer.Option(help="Days after the last evidence.")] = None,
    team: Annotated[str | None, typer.Option(help="The team that owns it; else the hospital.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Seen in its team alone.")] = False,
) -> None:
    """Add a tag of the hospital's own. One that would contradict the library is refused."""
    from bot.tag_library import put_command

    said = {"name": name, "kind": kind.value, "meaning": meaning, "shared": not private}
    optional = {"parent": parent, "group": group, "expires_days": expires_days, "team": team}
    put_command(code, {**said, **{key: value for key, value in optional.items() if value is not None}}, new=True, by=by)


@tag.command()
def edit(
    code: Code,
    by: Editor,
    name: Text = None,
    meaning: Text = None,
    parent: Text = None,
    group: Text = None,
    expires_days: Annotated[int | None, typer.Option(help="Days after the last evidence; 0 for never.")] = None,
) -> None:
    """Change what the library says about a tag; the old version is kept."""
    from bot.tag_library import put_command

    said = {"name": name, "meaning": meaning, "parent": parent, "group": group, "expires_days": expires_days}
    put_command(code, {key: value or None for key, value in said.items() if value is not None}, new=False, by=by)


@tag.command()
def retire(code: Code, by: Editor) -> None:
    """Take a tag out of use: those who carry it lose it, history keeps it. A tag that triage reads stays."""
    from bot.tag_library import retire_command

    retire_command(code, by=by)


@tag.command("export")
def export_tags(file: Annotated[Path, typer.Argument(help="New YAML file.", dir_okay=False)]) -> None:
    """Write the library as it is now."""
    from bot.tag_library import export_command

    export_command(file)


@tag.command("import")
def import_tags(file: Annotated[Path, typer.Argument(help="YAML file like an exported one.", dir_okay=False)], by: Editor) -> None:
    """Add and change tags as a file says; tags that are not in it stay. All of it or nothing."""
    from bot.tag_library import import_command

    import_command(file, by=by)


@tag.command()
def rules(waiting: Annotated[bool, typer.Option("--waiting", help="Only those that no clinician has approved.")] = False) -> None:
    """The rules that give tags: version, reason, source, and who approved them."""
    from bot.tag_library import rules_command

    rules_command(waiting=waiting)


@tag.command("of")
def tags_of(record_number: Number, history: Annotated[bool, typer.Option("--history", help="Also those that ended.")] = False) -> None:
    """What a child carries, since when, and why."""
    from bot.tag_patient import of_command

    of_command(record_number, history=history)


@tag.command("put")
def put_tag(record_number: Number, code: Code, by: By, why: Why) -> None:
    """A clinician says that the child carries the tag."""
    from bot.tag_patient import say_command

    say_command(record_number, code, "carries", by=by, why=why)


@tag.command()
def refuse(record_number: Number, code: Code, by: By, why: Why) -> None:
    """A clinician says that the child does not carry it, whatever has said so until now. New evidence is asked about."""
    from bot.tag_patient import say_command

    say_command(record_number, code, "refused", by=by, why=why)


@tag.command()
def end(record_number: Number, code: Code, by: By, why: Why) -> None:
    """A clinician says that it is over."""
    from bot.tag_patient import say_command

    say_command(record_number, code, "ended", by=by, why=why)


@tag.command()
def mirror(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what differs.")] = False,
    kind: Annotated[list[Kind] | None, typer.Option(help="Kinds to mirror, may be repeated; management alone when left out.")] = None,
) -> None:
    """Mark the families that clinicians have as friends in WeCom with their children's tags (企业标签), as the records have them.

    Diagnoses and treatments leave the hospital by this, so they must be asked for. Run it as often as the hospital wants.
    """
    if kind and Kind.operational in kind:
        raise typer.BadParameter("operational tags are not mirrored")
    from bot.tag_mirror_command import mirror_command

    mirror_command(list(dict.fromkeys(each.value for each in kind or [Kind.management])), dry_run=dry_run)
