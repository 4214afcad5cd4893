"""`careloop nlu …`: retraining the dialogue model without a developer. Help is instant; docs/retraining.md walks through it."""

from pathlib import Path
from typing import Annotated

import typer

nlu = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help=(
        "Teach the dialogue model from what it did not understand: collect, queue, label, check, train, compare, publish, watch, rollback. "
        "Nothing changes for families before `publish`."
    ),
)

By = Annotated[str | None, typer.Option(help="Who does this, as it is written down; your login name when left out.")]
Group = Annotated[int, typer.Argument(help="Number of the group, from `queue`.")]
Version = Annotated[int, typer.Argument(help="Number of the version, from `versions`.")]
Reason = Annotated[str | None, typer.Option(help="Why, in a few words; it is kept.")]


@nlu.command()
def collect(days: Annotated[int, typer.Option(min=1, help="How far to look back.")] = 30, by: By = None) -> None:
    """Gather messages that were not understood, read unsurely, corrected, or answered by a person; names and numbers are taken out."""
    from bot.cli_nlu_run import collect_command

    collect_command(days=days, by=by)


@nlu.command()
def queue(
    state: Annotated[str, typer.Option(help="open, labelled, rejected or merged.")] = "open",
    limit: Annotated[int, typer.Option(min=1, help="How many groups to show, the biggest first.")] = 20,
) -> None:
    """List the groups that wait for a label, with the intents that the live model finds likeliest."""
    from bot.cli_nlu_run import queue_command

    queue_command(state=state, limit=limit)


@nlu.command()
def show(group: Group) -> None:
    """Show every message of a group, with the numbers that `split` wants."""
    from bot.cli_nlu_run import show_command

    show_command(group)


@nlu.command()
def intents() -> None:
    """List all intents, with an example of each."""
    from bot.cli_nlu_run import intents_command

    intents_command()


@nlu.command()
def label(
    group: Group,
    intent: Annotated[str, typer.Argument(help="The intent that is meant, from `intents`.")],
    words: Annotated[str | None, typer.Option(help="Learn these words in place of the group's own.")] = None,
    by: By = None,
) -> None:
    """Say what a group means; its messages become examples, unless a check speaks against one."""
    from bot.cli_nlu_run import label_command

    label_command(group, intent, words=words, by=by)


@nlu.command()
def reject(group: Group, reason: Reason = None, by: By = None) -> None:
    """There is nothing to learn from a group; the same words do not come back."""
    from bot.cli_nlu_run import reject_command

    reject_command(group, reason=reason, by=by)


@nlu.command()
def reopen(group: Group, by: By = None) -> None:
    """Take a label or a rejection back, and with it the examples that came of it."""
    from bot.cli_nlu_run import reopen_command

    reopen_command(group, by=by)


@nlu.command()
def split(group: Group, items: Annotated[list[int], typer.Argument(help="Numbers of the messages, from `show`.")], by: By = None) -> None:
    """Move some messages of a group into a group of their own."""
    from bot.cli_nlu_run import split_command

    split_command(group, items, by=by)


@nlu.command()
def merge(into: Group, others: Annotated[list[int], typer.Argument(help="Groups that mean the same.")], by: By = None) -> None:
    """Move everything of other groups into one."""
    from bot.cli_nlu_run import merge_command

    merge_command(into, others, by=by)


@nlu.command()
def check() -> None:
    """Look for contradictions, duplicates, imbalance, leaks into the frozen sets. Exit code 1 when something must be mended first."""
    from bot.cli_nlu_run import check_command

    check_command()


@nlu.command("import")
def import_examples(file: Annotated[Path, typer.Argument(help="Rasa YAML.", exists=True, dir_okay=False)], by: By = None) -> None:
    """Take examples over from a Rasa file. All or nothing: a file that says more than examples is refused."""
    from bot.cli_nlu_run import import_command

    import_command(file, by=by)


@nlu.command("export")
def export_examples(
    version: Annotated[int | None, typer.Option(help="Everything that this version learned from.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The repository's examples too, not only the administrators'.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output when left out.", dir_okay=False)] = None,
) -> None:
    """Write the labelled examples as plain Rasa YAML, as nlu_data/training holds them."""
    from bot.cli_nlu_run import export_command

    export_command(version=version, everything=everything, out=out)


@nlu.command()
def withdraw(
    text: Annotated[str, typer.Argument(help="The example, word for word.")],
    intent: Annotated[str, typer.Argument(help="Its intent.")],
    by: By = None,
) -> None:
    """Take one labelled example out again."""
    from bot.cli_nlu_run import withdraw_command

    withdraw_command(text, intent, by=by)


@nlu.command()
def train(
    background: Annotated[bool, typer.Option("--background", help="Let a worker do it; see `progress`.")] = False, by: By = None
) -> None:
    """Train a candidate on the repository's examples and the labels, with a progress bar; Ctrl-C cancels. Families notice nothing."""
    from bot.cli_nlu_run import train_command

    train_command(background=background, by=by)


@nlu.command()
def progress() -> None:
    """Say how far the last training is, or what became of it."""
    from bot.cli_nlu_run import progress_command

    progress_command()


@nlu.command()
def cancel(by: By = None) -> None:
    """End the training that runs, on whichever machine."""
    from bot.cli_nlu_run import cancel_command

    cancel_command(by=by)


@nlu.command()
def versions() -> None:
    """List all models: state, data, figures, who and when."""
    from bot.cli_nlu_run import versions_command

    versions_command()


@nlu.command()
def compare(version: Version, by: By = None) -> None:
    """Put a candidate beside the live model: frozen sets, last month's messages, speed. Exit code 1 when it must not be published."""
    from bot.cli_nlu_run import compare_command

    compare_command(version, by=by)


@nlu.command()
def publish(version: Version, reason: Reason = None, by: By = None) -> None:
    """Let all workers answer with a version, within seconds and without a restart. Refused when `compare` found it worse."""
    from bot.cli_nlu_run import publish_command

    publish_command(version, reason=reason, by=by)


@nlu.command()
def discard(version: Version, reason: Reason = None, by: By = None) -> None:
    """Reject a candidate. It stays on the list, but cannot be published."""
    from bot.cli_nlu_run import discard_command

    discard_command(version, reason=reason, by=by)


@nlu.command()
def watch(days: Annotated[int, typer.Option(min=1, help="How many days before and after to compare.")] = 7) -> None:
    """After a publication: how much is not understood, before and since, and what each worker made of the new model."""
    from bot.cli_nlu_run import watch_command

    watch_command(days=days)


@nlu.command()
def rollback(reason: Reason = None, by: By = None) -> None:
    """Go back to the model before, at once."""
    from bot.cli_nlu_run import rollback_command

    rollback_command(reason=reason, by=by)
