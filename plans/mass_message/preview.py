"""What a mass message would come to if it went out now: how many, by which route, and what holds the others. Nothing is written."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.mass_message.audience import count, families, patient_ids
from plans.mass_message.compose import fill
from plans.mass_message.results import about
from plans.reach.decide import decide_many
from plans.reach.route import Channels, Want
from records.mass_message import MassMessage
from records.patient import Patient
from records.staff import Staff, Team

# So many families, chosen by lot, stand for all: a share of a half is then known within 10 points (binomial, 95 %).
SAMPLE = 100


@dataclass(frozen=True)
class Preview:
    """`text` is the message as one of the families would read it; `routes` and `held` count the families of the `sample`."""

    patients: int
    without_carer: int
    families: int
    text: str
    sample: int
    routes: Mapping[str, int]
    held: Mapping[str, int]


async def preview(
    tx: AsyncSession,
    message: MassMessage,
    staff: Staff,
    channels: Channels,
    *,
    now: datetime,
    zone: ZoneInfo,
    teams: Collection[int] | None = None,
) -> Preview:
    """Look ahead, within what `staff` may see (`teams`: in these of his teams). Raises what choosing the audience raises."""
    patients, without, total = await count(tx, staff, message.audience, now=now, zone=zone, teams=teams)
    children = families(await patient_ids(tx, staff, message.audience, now=now, zone=zone, teams=teams)).subquery("children")
    by_lot = select(children.c.carer_id).group_by(children.c.carer_id).order_by(func.random()).limit(SAMPLE)
    lot = list(await tx.scalars(by_lot))
    rows = await tx.execute(
        select(children.c.carer_id, Patient.id, Patient.name, Team.name)
        .join(Patient, Patient.id == children.c.patient_id)
        .join(Team, Team.id == Patient.team_id)
        .where(children.c.carer_id.in_(lot))
        .order_by(Patient.id)
    )
    sample: dict[int, list[tuple[int, str, str]]] = {}
    for carer_id, *child in rows:
        sample.setdefault(carer_id, []).append((child[0], child[1], child[2]))
    wants = [Want(about(message.id, carer_id), carer_id, "mass", of[0][0], department=of[0][2]) for carer_id, of in sample.items()]
    # The ledger is written and taken back: the guards see what they would see, and nobody is told.
    async with tx.begin_nested() as attempt:
        decided = await decide_many(tx, wants, now=now, zone=zone, channels=channels)
        await attempt.rollback()
    routes = Counter(str(each.route) for each in decided.values() if each.kind == "send")
    held = Counter(each.reason for each in decided.values() if each.kind != "send")
    names = [name for _, name, _ in next(iter(sample.values()), [])]
    return Preview(patients, without, total, fill(message.text, names) if names else message.text, len(sample), routes, held)
