"""The contact ledger: every attempt to reach a family by ourselves, by which route, and what became of it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import BigInteger, ForeignKey, Index, any_, bindparam, column, func, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

RouteName = Literal["kf", "mini_program", "official_account", "group_send", "hand", "sms"]

CONTACT_MOVES: Moves = {
    "planned": frozenset({"sent", "delivered", "opened", "answered", "failed", "refused", "withdrawn"}),
    "sent": frozenset({"delivered", "opened", "answered", "failed", "refused"}),
    "delivered": frozenset({"opened", "answered"}),
    "opened": frozenset({"answered"}),
    "answered": frozenset(),
    # failed: the platform could not; refused: the family, or the platform for its sake, does not want it; withdrawn: never tried.
    "failed": frozenset(),
    "refused": frozenset(),
    "withdrawn": frozenset(),
}
# The family was not disturbed: neither its budget nor its patience is used.
NOT_MADE = frozenset({"failed", "refused", "withdrawn"})


class Contact(Identity, Base):
    """One attempt. `key` is the outbox's; `about` is what it was for whatever the route (`task:812:opening`), `reference` the platform's
    own number of it, `tasks` all follow-ups that it opens (`task_id` the first).

    Its moves are not rows of state_change: there are at most five, and each has its moment here.
    """

    __tablename__ = "contact"

    key: Mapped[str] = mapped_column(unique=True)
    about: Mapped[str]
    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    tasks: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    purpose: Mapped[str]
    route: Mapped[str]
    state: Mapped[str] = mapped_column(default="planned")
    at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reference: Mapped[str | None]
    error: Mapped[str | None]

    __table_args__ = (
        Index("ix_contact_carer_id_at", "carer_id", "at"),
        Index("ix_contact_about", "about"),
        Index("ix_contact_reference", "reference", postgresql_where=sql("reference is not null")),
        # Follow-ups that were announced by another route and open when the family comes.
        Index(
            "ix_contact_announced",
            "carer_id",
            postgresql_where=sql("route <> 'kf' and task_id is not null and state in ('planned', 'sent', 'delivered', 'opened')"),
        ),
    )


_MOMENT = {
    "sent": "sent_at",
    "delivered": "delivered_at",
    "opened": "opened_at",
    "answered": "answered_at",
    "failed": "ended_at",
    "refused": "ended_at",
    "withdrawn": "ended_at",
}


_CONTACTS = Contact.metadata.tables[Contact.__tablename__]
_FIELDS = tuple(
    column(name, _CONTACTS.c[name].type)
    for name in ("key", "about", "carer_id", "patient_id", "task_id", "tasks", "purpose", "route", "at")
)
# One statement of one shape for however many.
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*_FIELDS, name="new").render_derived(with_types=True)
_PLAN = (
    insert(_CONTACTS)
    .from_select([field.name for field in _FIELDS], select(_ROWS))
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(_CONTACTS.c.key)
)


async def plan_contacts(tx: AsyncSession, rows: Sequence[Contact]) -> set[str]:
    """Write attempts down before they are made, once per key; the keys that were not there yet."""
    if not rows:
        return set()
    values = [{field.name: getattr(row, field.name) for field in _FIELDS} | {"at": row.at.isoformat()} for row in rows]
    return set(await tx.scalars(_PLAN, {"rows": values}))


async def move_contacts(
    tx: AsyncSession, keys: Collection[str], state: str, *, now: datetime, error: str | None = None, reference: str | None = None
) -> set[str]:
    """Move these attempts to `state`, those of them that may; the keys that were moved. A key that is not in the ledger is none."""
    before = [old for old, moves in CONTACT_MOVES.items() if state in moves]
    values: dict[str, object] = {"state": state, _MOMENT[state]: now}
    if error is not None:
        values["error"] = error
    if reference is not None:
        values["reference"] = reference
    moved = await tx.scalars(
        update(Contact)
        .where(Contact.key.in_(keys), Contact.state.in_(before))
        .values(**values)
        .returning(Contact.key)
        .execution_options(synchronize_session=False)
    )
    return set(moved)


_LATELY = (
    select(Contact.carer_id, Contact.route, Contact.about, Contact.state, Contact.at, Contact.sent_at)
    .where(
        Contact.carer_id == any_(bindparam("carers", type_=ARRAY(BigInteger))),
        Contact.at >= bindparam("since"),
    )
    .order_by(Contact.at)
)


# So long an attempt may wait to be sent, at most: quiet hours, a rate that is used up, a platform that is away.
LATE = timedelta(days=2)


class Attempt:
    """What the budget and the choice of a route know of an earlier attempt: decided `at`, and when it `reached` the family, as far as
    that is known."""

    __slots__ = ("about", "at", "made", "reached", "route")

    def __init__(self, route: str, about: str, at: datetime, *, made: bool, sent_at: datetime | None = None) -> None:
        self.route, self.about, self.at, self.made, self.reached = route, about, at, made, sent_at or at


async def attempts_since(tx: AsyncSession, carer_ids: Sequence[int], since: datetime) -> dict[int, list[Attempt]]:
    """The attempts at these carers that reached them from `since` on, the first decided first; carers without any are left out."""
    found: dict[int, list[Attempt]] = defaultdict(list)
    for row in await tx.execute(_LATELY, {"carers": list(carer_ids), "since": since - LATE}):
        if (row.sent_at or row.at) >= since:
            found[row.carer_id].append(Attempt(row.route, row.about, row.at, made=row.state not in NOT_MADE, sent_at=row.sent_at))
    return found
