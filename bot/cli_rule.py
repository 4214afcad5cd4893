"""`careloop rule …`: the rules that adapt care. Help is instant: every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

rule = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Rules that adapt care: when something happens and something holds, something is done; docs/adaptation.md.",
)

File = Annotated[Path, typer.Argument(help="A YAML file of rules.")]
By = Annotated[str, typer.Option("--by", help="The clinician's userid.")]
Name = Annotated[str, typer.Argument(help="The rule's id, with @department for a department's own.")]
Version = Annotated[int, typer.Argument(min=1, help="The version.")]
Days = Annotated[str, typer.Option("--since", help="How far back: 30d, 48h.")]


@rule.command("check")
def check_rules(file: File) -> None:
    """Read a file of rules, run the examples in it, and look for circles with the shipped rules. Needs no database."""
    from bot.rule_commands import check_command

    check_command(file)


@rule.command("list")
def list_rules() -> None:
    """The rules in force, shipped and the hospital's own, and those that wait or cannot be used."""
    from bot.rule_commands import list_command

    list_command()


@rule.command()
def save(file: File, by: By) -> None:
    """Keep the one rule of a file as a draft; another clinician puts it in force."""
    from bot.rule_commands import save_command

    save_command(file, by)


@rule.command()
def activate(name: Name, version: Version, by: By) -> None:
    """Put a draft in force, in place of the version before. Whoever wrote it cannot."""
    from bot.rule_commands import activate_command

    activate_command(name, version, by)


@rule.command()
def retire(name: Name, version: Version, by: By) -> None:
    """Take one of the hospital's versions out of force, or drop a draft."""
    from bot.rule_commands import retire_command

    retire_command(name, version, by)


@rule.command()
def firings(
    record_number: Annotated[str, typer.Argument(help="The patient's record number.")],
    by: By,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The latest so many.")] = 20,
) -> None:
    """What rules did for a patient: because of what, on which evidence. The read is noted."""
    from bot.rule_commands import firings_command

    firings_command(record_number, by, limit)


@rule.command("undo")
def undo_firing(
    number: Annotated[int, typer.Argument(help="The firing, as `careloop rule firings` shows it.")],
    by: By,
    why: Annotated[str, typer.Option(help="The reason, which stays on file.")],
) -> None:
    """Take back what a firing did, as far as it can be taken back."""
    from bot.rule_commands import undo_command

    undo_command(number, by, why)


@rule.command("dry-run")
def dry_run(
    file: File,
    since: Days = "30d",
    by: Annotated[str, typer.Option("--by", help="A clinician: examples then name patients of his teams, and the read is noted.")] = "",
) -> None:
    """What the rules of a file would have done with what was recorded since then. Nothing is written (but who was read, with --by)."""
    from bot.rule_commands import dry_run_command

    dry_run_command(file, since, by)
