"""What became of a mass message, in numbers and family by family."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from records.contact import Contact
from records.mass_message import MassMessage, MassRecipient, children_of
from records.patient import Patient, ReadAudit
from records.staff import Staff, teams_of


@dataclass(frozen=True)
class Counts:
    """Families by state; of those that it was sent to, by the route and state of the latest attempt; of those skipped, by reason."""

    states: Mapping[str, int]
    contacts: Mapping[tuple[str, str], int]
    skipped: Mapping[str, int]


@dataclass(frozen=True)
class Result:
    """One family's line: its children by id and name. `contact` is what became of the latest attempt, by `route`."""

    carer_id: int
    patients: tuple[tuple[int, str], ...]
    state: str
    reason: str | None
    route: str | None
    contact: str | None
    at: datetime | None


def about(message_id: int, carer_id: int) -> str:
    """What the contact ledger calls this message to this family."""
    return f"mass:{message_id}:{carer_id}"


async def counts(tx: AsyncSession, message: MassMessage) -> Counts:
    """The numbers as they are now."""
    mine = MassRecipient.mass_message_id == message.id
    states = await tx.execute(select(MassRecipient.state, func.count()).where(mine).group_by(MassRecipient.state))
    reasons = await tx.execute(
        select(MassRecipient.reason, func.count()).where(mine, MassRecipient.state == "skipped").group_by(MassRecipient.reason)
    )
    latest = _latest(message).subquery("latest")
    contacts = await tx.execute(select(latest.c.route, latest.c.state, func.count()).group_by(latest.c.route, latest.c.state))
    return Counts(
        {state: count for state, count in states},
        {(route, state): count for route, state, count in contacts},
        {reason or "": count for reason, count in reasons},
    )


def _latest(message: MassMessage) -> Select[str, str, str, datetime]:
    """The latest attempt at each family."""
    return (
        select(Contact.about, Contact.route, Contact.state, Contact.at)
        .where(Contact.about.startswith(f"mass:{message.id}:"))
        .ext(distinct_on(Contact.about))
        .order_by(Contact.about, Contact.id.desc())
    )


async def results(
    tx: AsyncSession,
    message: MassMessage,
    staff: Staff,
    *,
    now: datetime,
    after: int = 0,
    limit: int = 500,
    teams: Collection[int] | None = None,
) -> list[Result]:
    """Family by family, beyond the carer `after`; the children shown are noted as read by `staff`.

    Shown are those who are still in his teams (`teams`: in these of them); of a family whose children have left, only what became of it.
    """
    latest = _latest(message).subquery("latest")
    key = literal(f"mass:{message.id}:").concat(MassRecipient.carer_id)
    rows = (
        await tx.execute(
            select(MassRecipient, latest.c.route, latest.c.state, latest.c.at)
            .outerjoin(latest, latest.c.about == key)
            .where(MassRecipient.mass_message_id == message.id, MassRecipient.carer_id > after)
            .order_by(MassRecipient.carer_id)
            .limit(limit)
        )
    ).all()
    children = await children_of(tx, message.id, [row[0].carer_id for row in rows])
    ids = {id for of in children.values() for id in of}
    mine = teams_of(staff.id)
    shown = select(Patient.id, Patient.name).where(Patient.id.in_(ids), Patient.team_id.in_(mine))
    names = {id: name for id, name in await tx.execute(shown if teams is None else shown.where(Patient.team_id.in_(teams)))}
    tx.add_all(ReadAudit(patient_id=id, staff_id=staff.id, at=now, why="mass_message") for id in sorted(names))
    return [
        Result(
            one.carer_id,
            tuple((id, names[id]) for id in children.get(one.carer_id, ()) if id in names),
            one.state,
            one.reason,
            route,
            contact,
            at,
        )
        for one, route, contact, at in rows
    ]
