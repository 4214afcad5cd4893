"""What a mass message would come to if it went out now: how many, by which route, and what holds the others. Nothing is written."""

from collections import Counter
from collections.abc import Mapping
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


async def preview(tx: AsyncSession, message: MassMessage, staff: Staff, channels: Channels, *, now: datetime, zone: ZoneInfo) -> Preview:
    """Look ahead, within what `staff` may see. Raises what choosing the audience raises."""
    patients, without, total = await count(tx, staff, message.audience, now=now, zone=zone)
    grouped = families(await patient_ids(tx, staff, message.audience, now=now, zone=zone)).subquery("grouped")
    rows = (await tx.execute(select(grouped.c.carer_id, grouped.c.patients).order_by(func.random()).limit(SAMPLE))).all()
    ids = [id for row in rows for id in row.patients]
    known = await tx.execute(select(Patient.id, Patient.name, Team.name).join(Team, Team.id == Patient.team_id).where(Patient.id.in_(ids)))
    by_id = {id: (name, team) for id, name, team in known}
    wants = [
        Want(about(message.id, row.carer_id), row.carer_id, "mass", row.patients[0], department=by_id[row.patients[0]][1]) for row in rows
    ]
    # The ledger is written and taken back: the guards see what they would see, and nobody is told.
    async with tx.begin_nested() as attempt:
        decided = await decide_many(tx, wants, now=now, zone=zone, channels=channels)
        await attempt.rollback()
    routes = Counter(str(each.route) for each in decided.values() if each.kind == "send")
    held = Counter(each.reason for each in decided.values() if each.kind != "send")
    names = [by_id[id][0] for id in rows[0].patients] if rows else []
    return Preview(patients, without, total, fill(message.text, names) if names else message.text, len(rows), routes, held)
