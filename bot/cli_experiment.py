"""`careloop experiment …`: try send hours and openings, let them adapt, and see why. Every command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

experiment = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Try send hours and openings by lot, let them adapt by what has worked, accept what it suggests; docs/experiments.md.",
)

By = Annotated[str, typer.Option("--by", help="The clinician's userid; he must be of the team.")]
Code = Annotated[str, typer.Argument(help="The experiment's code.")]
Team = Annotated[str, typer.Argument(help="The team's name.")]
Kind = Annotated[str, typer.Argument(help="send_hour or wording.")]
Why = Annotated[str, typer.Option("--why", help="The reason, which is kept.")]


@experiment.command("list")
def list_all(by: By) -> None:
    """The experiments of a clinician's teams, with state and families."""
    from bot.experiments import list_command

    list_command(by)


@experiment.command()
def draft(file: Annotated[Path, typer.Argument(help="The design, YAML.", exists=True, dir_okay=False)], by: By) -> None:
    """Put a design down; it says how many families it takes. Mistakes are told with their line."""
    from bot.experiments import draft_command

    draft_command(file, by)


@experiment.command()
def start(code: Code, by: By) -> None:
    """Let a draft run. Somebody else than who drafted it must do that."""
    from bot.experiments import start_command

    start_command(code, by)


@experiment.command()
def look(code: Code, by: By) -> None:
    """Take the next planned look, if it is due; between looks only the number of families is told. The stop rule acts by itself."""
    from bot.experiments import look_command

    look_command(code, by)


@experiment.command()
def stop(code: Code, by: By, why: Why) -> None:
    """Assign nobody any more."""
    from bot.experiments import stop_command

    stop_command(code, by, why)


@experiment.command()
def conclude(code: Code, by: By, why: Why) -> None:
    """Write down what the team makes of a stopped experiment."""
    from bot.experiments import conclude_command

    conclude_command(code, by, why)


@experiment.command()
def exclude(
    code: Code, record_number: Annotated[str, typer.Argument(help="Record number of the family's child.")], by: By, why: Why
) -> None:
    """Take a family out, at any time; from today on it is treated as everybody else, and nothing of it counts."""
    from bot.experiments import exclude_command

    exclude_command(code, record_number, by, why)


@experiment.command()
def adapt(
    team: Team,
    kind: Kind,
    option: Annotated[list[str], typer.Option(help="An hour or an opening that may be chosen; at least two.")],
    by: By,
    held_out: Annotated[float, typer.Option(help="Share of families that stays on the default, to compare with.")] = 0.2,
) -> None:
    """Let a team's send hour or opening be chosen by what has worked. It is off until this is called."""
    from bot.experiments import adapt_command

    adapt_command(team, kind, option, by, held_out=held_out)


@experiment.command("no-adapt")
def no_adapt(team: Team, kind: Kind, by: By) -> None:
    """The default again, for everybody in the team."""
    from bot.experiments import no_adapt_command

    no_adapt_command(team, kind, by)


@experiment.command()
def lift(team: Team, kind: Kind, by: By, days: Annotated[int, typer.Option(min=7, help="Choices of so many days.")] = 90) -> None:
    """What adapting has brought against the families held out, with a 95 % interval."""
    from bot.experiments import lift_command

    lift_command(team, kind, by, days=days)


@experiment.command()
def why(
    record_number: Annotated[str, typer.Argument(help="The child's record number.")],
    by: By,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many of the latest choices.")] = 5,
) -> None:
    """Why a family's follow-ups come at this hour and begin with these words: options, posteriors, draw and seed."""
    from bot.experiments import why_command

    why_command(record_number, by, limit=limit)


@experiment.command()
def suggest(code: Code, by: By) -> None:
    """Make a suggestion for the template of what a finished experiment found, if its interval lies above zero."""
    from bot.experiments import suggest_command

    suggest_command(code, by)


@experiment.command()
def suggestions(by: By, state: Annotated[str, typer.Option(help="proposed, accepted or refused.")] = "proposed") -> None:
    """The suggestions for a clinician's teams, with the figures behind them."""
    from bot.experiments import suggestions_command

    suggestions_command(by, state)


@experiment.command()
def decide(
    number: Annotated[int, typer.Argument(help="The suggestion's number.")],
    by: By,
    accept: Annotated[bool, typer.Option("--accept/--refuse", help="Accepting drafts the change and makes none.")],
    reason: Annotated[str | None, typer.Option("--why", help="The reason, which is kept.")] = None,
) -> None:
    """Accept or refuse a suggestion."""
    from bot.experiments import decide_command

    decide_command(number, by, accept=accept, why=reason)
