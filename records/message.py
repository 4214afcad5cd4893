"""Messages in, and the outbox: messages to send."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, bindparam, column, func, select, true
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base
from records.base import Identity as HasId
from records.trace import following

# Why a row is held until the family writes: WeCom would refuse it.
HELD = "window_closed"
# The purpose of what a clinician writes to a family from the console: it goes out while the bot is silent.
CLINICIAN = "clinician"
# wecom-api §3.4: an item that a clinician wrote in her own WeCom.
CUSTOMER, SERVICER = 3, 5
# What the hospital begins by itself and nobody has tried to send yet (plans/reach/purpose.py): a morning may have a hundred thousand of
# them, so that they have an index of their own, and all else is found without reading them. A look uses these very words.
BEGUN = (
    "state = 'queued' and route = 'kf' and attempts = 0 and error is distinct from 'window_closed'"
    " and purpose in ('content', 'mass', 'news', 'push', 'reminder', 'survey', 'task')"
)
# It goes out in so many lanes: two workers with a few slots each find enough to do side by side.
LANES = 4
NOT_BEGUN = f"state in ('queued', 'sending') and not ({BEGUN})"


class Inbound(HasId, Base):
    """What the platform delivered, stored as it came. `msgid` is its identity; the text never is.

    state: new → done (handled by the bot), recorded (a human owned the chat, or nothing was to be answered), dead (failed
    `attempts` times; can be set back to new).
    """

    __tablename__ = "inbound"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    msgid: Mapped[str] = mapped_column(unique=True)
    origin: Mapped[int]
    msgtype: Mapped[str]
    text: Mapped[str | None]
    menu_id: Mapped[str | None]
    body: Mapped[dict[str, Any]]
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="new")
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any]] = mapped_column(default=dict)
    trace: Mapped[str | None]

    __table_args__ = (
        Index("ix_inbound_chat_id_new", "chat_id", "id", postgresql_where=sql("state = 'new'")),
        Index("ix_inbound_chat_id", "chat_id", "id"),
    )


class Outbound(Base):
    """One row to send. `key` says what it is for (`reply:<msgid>`, `task:812:opening`), so that a repeat is harmless.

    `line` is the key of the lock and of the order: `chat:7`, `staff:nurse-lin`, `family:3` (pushes), `group:nurse-lin` (mass messages
    that she confirms). `route` says how: kf, kf_event, kf_trans, app, app_update, and those of records/contact.py. state: queued →
    sending → sent | failed | withdrawn; sending is taken again after its lease, with the same platform message id.
    """

    __tablename__ = "outbound"

    key: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    line: Mapped[str]
    chat_id: Mapped[int | None] = mapped_column(ForeignKey("chat.id"))
    route: Mapped[str]
    payload: Mapped[dict[str, Any]]
    purpose: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    not_before: Mapped[datetime]
    useful_until: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    response: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    trace: Mapped[str | None]

    __table_args__ = (
        # The last words in a chat are found without reading all the others.
        Index("ix_outbound_chat_id_seq", "chat_id", "seq"),
        Index("ix_outbound_line_open", "line", "seq", postgresql_where=sql("state in ('queued', 'sending')")),
        Index("ix_outbound_begun", sql(f"(chat_id % {LANES})"), "not_before", "seq", postgresql_where=sql(BEGUN)),
        Index("ix_outbound_open_not_before", "not_before", postgresql_where=sql(NOT_BEGUN)),
        Index("ix_outbound_failed", "seq", postgresql_where=sql("state = 'failed'")),
    )


_CHATS = func.unnest(bindparam("chats", type_=ARRAY(BigInteger))).table_valued("id", name="of_chat").render_derived()
_FIRST = (
    select(Inbound.id)
    .where(Inbound.chat_id == _CHATS.c.id, Inbound.state == "new")
    .order_by(Inbound.id)
    .limit(bindparam("limit"))
    .lateral("waiting")
)
# Locked, because whoever fetches a message's file writes into the same outcome.
_WAITING = (
    select(Inbound)
    .where(Inbound.id.in_(select(_FIRST.c.id).select_from(_CHATS).join(_FIRST, true())))
    .order_by(Inbound.id)
    .with_for_update(of=Inbound)
)


async def first_waiting(tx: AsyncSession, chat_ids: Sequence[int], limit: int) -> dict[int, list[Inbound]]:
    """The first `limit` messages of each chat that nobody has handled, in order, locked; chats without any are left out."""
    found: dict[int, list[Inbound]] = defaultdict(list)
    for message in await tx.scalars(_WAITING, {"chats": list(chat_ids), "limit": limit}):
        found[message.chat_id].append(message)
    return found


async def clinician_wrote(tx: AsyncSession, chat_id: int) -> datetime | None:
    """When a clinician last wrote in the chat, in WeCom or from the console."""
    there = select(func.max(Inbound.sent_at)).where(Inbound.chat_id == chat_id, Inbound.origin == SERVICER)
    here = select(func.max(Outbound.created_at)).where(Outbound.chat_id == chat_id, Outbound.purpose == CLINICIAN)
    found: datetime | None = await tx.scalar(select(func.greatest(there.scalar_subquery(), here.scalar_subquery())))
    return found


async def last_trace(tx: AsyncSession, chat_id: int | None) -> str | None:
    """What the newest message of the chat is followed by."""
    newest = select(Inbound.trace).where(Inbound.chat_id == chat_id).order_by(Inbound.id.desc()).limit(1)
    found: str | None = await tx.scalar(newest) if chat_id is not None else None
    return found


_OUTBOX = Outbound.metadata.tables[Outbound.__tablename__]
_FIELDS = tuple(
    column(name, _OUTBOX.c[name].type)
    for name in ("key", "line", "chat_id", "route", "payload", "purpose", "not_before", "useful_until", "error", "created_at", "trace")
)
# One statement of one shape for however many: with a row of its own for each it would be read anew by driver and database.
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*_FIELDS, name="new").render_derived(with_types=True)
_ENQUEUE = (
    insert(_OUTBOX)
    .from_select([field.name for field in _FIELDS], select(_ROWS))
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(_OUTBOX.c.key)
)


async def enqueue(
    tx: AsyncSession,
    key: str,
    *,
    line: str,
    route: str,
    payload: dict[str, Any],
    purpose: str,
    now: datetime,
    chat_id: int | None = None,
    not_before: datetime | None = None,
    useful_until: datetime | None = None,
) -> bool:
    """Put a message into the outbox, once per `key`; False when it was there already."""
    row = {
        "key": key,
        "line": line,
        "route": route,
        "payload": payload,
        "purpose": purpose,
        "chat_id": chat_id,
        "not_before": not_before or now,
        "useful_until": useful_until,
        "created_at": now,
    }
    return bool(await enqueue_all(tx, [row]))


async def enqueue_all(tx: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Put messages into the outbox in this order, once per key; the keys that were not there yet. Raises ValueError for a column that
    is not written here."""
    if not rows:
        return set()
    if unknown := {name for row in rows for name in row} - {field.name for field in _FIELDS}:
        raise ValueError(f"not written into the outbox: {sorted(unknown)}")
    followed = {"trace": following()}
    plain = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in (followed | row).items()} for row in rows
    ]
    return set(await tx.scalars(_ENQUEUE, {"rows": plain}))
