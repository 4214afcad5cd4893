"""All checks on the data as they are now, as the command line, the pages and every training see them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from bot.retraining.checks import Problem, check_data, check_private
from bot.retraining.data import Example, accepted, base, domain_intents, held_out
from bot.retraining.on_file import OnFile, on_file


@dataclass(frozen=True)
class Inspected:
    """What was found, the weightiest first, in so many examples, of which administrators have labelled so many."""

    problems: list[Problem]
    examples: int
    labelled: int

    @property
    def refused(self) -> list[Problem]:
        """What must be mended before a training."""
        return [problem for problem in self.problems if problem.refused]


async def inspect_data(tx: AsyncSession, root: Path) -> Inspected:
    """Look the data over; the loop goes on meanwhile."""
    labelled = await accepted(tx)
    # Everybody's name is much to read where there is nothing in which to look for it.
    return await asyncio.to_thread(_inspect, labelled, await on_file(tx) if labelled else OnFile(), root)


def _inspect(labelled: list[Example], known: OnFile, root: Path) -> Inspected:
    examples = base(root) + labelled
    problems = check_private(labelled, known) + check_data(examples, held_out(root), domain_intents(root))
    return Inspected(sorted(problems, key=lambda problem: not problem.refused), len(examples), len(labelled))
