"""Which family draws which arm: by lot, balanced within each stratum, the same for the same seed and order of arrival."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2s
from random import Random

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.experiment import Experiment, ExperimentFamily

# Any fixed number, so that our advisory locks meet no others: one transaction at a time draws in an experiment.
LOCKS = 5281
# Blocks of twice the arms: balanced after each block, and the next draw cannot be told from the last ones.
BLOCK = 2


def lot(seed: int, *what: object) -> float:
    """A number from 0 to below 1 that belongs to this seed and these things for good."""
    digest = blake2s(":".join(map(str, (seed, *what))).encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56


def arm_at(seed: int, stratum: str, place: int, arms: Sequence[str]) -> str:
    """The arm of the `place`-th family (from 0) of a stratum: permuted blocks."""
    size = BLOCK * len(arms)
    block = [*arms] * BLOCK
    # Repeatable on purpose: anybody can check the lot again.
    Random(f"{seed}:{stratum}:{place // size}").shuffle(block)  # noqa: S311
    return block[place % size]


async def assigned(tx: AsyncSession, experiment: Experiment, families: Mapping[int, str], *, now: datetime) -> dict[int, str | None]:
    """The arm of each family, drawn now for those who have none; `families` are carer → stratum. None for one that was excluded.

    A family keeps its arm, whatever becomes of its stratum. Families beyond the planned number are left out: nothing more is to be
    learned from them.
    """
    found = await _known(tx, experiment, list(families))
    missing = [carer for carer in families if carer not in found]
    if not missing:
        return found
    await tx.execute(select(func.pg_advisory_xact_lock(LOCKS, int(experiment.id))))
    found = await _known(tx, experiment, list(families))
    counted = select(ExperimentFamily.stratum, func.count()).where(ExperimentFamily.experiment_id == experiment.id)
    places: Counter[str] = Counter({stratum: number for stratum, number in await tx.execute(counted.group_by(ExperimentFamily.stratum))})
    arms = [arm["id"] for arm in experiment.arms]
    left = experiment.families * len(arms) - places.total()
    for carer in sorted((c for c in families if c not in found), key=lambda c: lot(experiment.seed, "order", c))[: max(0, left)]:
        stratum = families[carer]
        arm = arm_at(experiment.seed, stratum, places[stratum], arms)
        places[stratum] += 1
        found[carer] = arm
        tx.add(ExperimentFamily(experiment_id=experiment.id, carer_id=carer, arm=arm, stratum=stratum, assigned_at=now))
    await tx.flush()
    return found


async def _known(tx: AsyncSession, experiment: Experiment, carers: list[int]) -> dict[int, str | None]:
    query = select(ExperimentFamily).where(ExperimentFamily.experiment_id == experiment.id, ExperimentFamily.carer_id.in_(carers))
    return {row.carer_id: row.arm if row.excluded_at is None else None for row in await tx.scalars(query)}
