"""`careloop risk …`: models that foretell, and what they say. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

risk = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Prediction models: learn from the records, judge, publish, watch.")

Name = Annotated[str, typer.Argument(help="non_response or deterioration.")]
Version = Annotated[int | None, typer.Option(help="Without it, the newest.")]


@risk.command()
def train(name: Name) -> None:
    """Learn a new candidate from the hospital's own records and judge it on the latest fifth of the time. Changes nothing for anybody."""
    from bot.prediction import train_command

    train_command(name)


@risk.command("list")
def list_models() -> None:
    """All models with their figures."""
    from bot.prediction import list_command

    list_command()


@risk.command()
def publish(name: Name, version: Version = None) -> None:
    """Use a model from now on: everybody on a plan is scored by it once a day. Refused where it is hardly better than chance."""
    from bot.prediction import publish_command

    publish_command(name, version)


@risk.command()
def score(name: Name) -> None:
    """Score everybody on a plan now by the model in use."""
    from bot.prediction import score_command

    score_command(name)


@risk.command()
def of(record_number: Annotated[str, typer.Argument(help="The child's record number.")]) -> None:
    """What the models say of a child, and why."""
    from bot.prediction import of_command

    of_command(record_number)


@risk.command()
def watch(name: Name) -> None:
    """Whether patients still look like those that the model learned from, and what came true; exit code 1 when not."""
    from bot.prediction import watch_command

    if watch_command(name):
        raise typer.Exit(1)
