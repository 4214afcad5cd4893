"""The chats of a clinician's teams: who waits for a person and for how long, which are hers, which a colleague or the bot has."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.reply import plain_text
from bot.texts import said_or, say
from records.chat import Chat
from records.chat_desk import ChatSeen, belongs_to
from records.flag import LEVELS, Flag
from records.message import CLINICIAN, CUSTOMER, SERVICER, Inbound, Outbound
from records.patient import Carer, Patient, PatientCarer, note_reads
from records.search_entry import CARER, CarerTexts, alike, texts_of_carers, with_news
from records.search_keys import name_sought, whole_piece
from records.staff import Staff, teams_of

WHY = "inbox"
# Of those that nobody waits for, and of what a search finds, so many are shown.
MOST = 40
# So many chats, the latest of the hospital, are looked through before those of her teams are gathered.
MANY = 2000
# Of a search with more carers who may be meant, the latest are looked through first.
NEAR = 1000
PREVIEW = 60
WAITING, MINE, COLLEAGUE, BOT = GROUPS = ("waiting", "mine", "colleague", "bot")

_NEWEST = (Chat.window_from.desc().nulls_last(), Chat.id)
_LATEST = select(Chat.id).order_by(*_NEWEST).limit(MANY)
_IDS = any_(bindparam("chats", type_=ARRAY(BigInteger)))


@dataclass(frozen=True)
class ChatItem:
    """One line of the list. `since` is how long somebody has waited for a person, `level` that of the worst open alert."""

    id: int
    group: str
    carer: str
    children: tuple[str, ...]
    owner: str | None
    preview: str
    at: datetime | None
    since: datetime | None
    level: str | None
    unread: int


async def chat_list(tx: AsyncSession, staff: Staff, now: datetime, *, search: str = "") -> list[ChatItem]:
    """What waits for a person first (the longest first), then hers, her colleagues', the bot's, the latest first.

    `search` finds by a child's name or record number, or by a carer's name. Each child shown is a read in the audit.
    """
    if not staff.active:
        return []
    mine = belongs_to(staff.id)
    if search:
        chats = await _found(tx, staff, search)
    else:
        flagged = select(Flag.chat_id).where(
            Flag.state.in_(("raised", "delivered")), Flag.team_id.in_(teams_of(staff.id)), Flag.chat_id.is_not(None)
        )
        waiting = select(Chat.id).where(Chat.state == "human").union(flagged)
        urgent = list(await tx.scalars(select(Chat).where(Chat.id.in_(waiting), mine)))
        rest = select(Chat).where(Chat.state == "bot", mine, Chat.id.not_in([chat.id for chat in urgent])).order_by(*_NEWEST).limit(MOST)
        chats = list(await tx.scalars(rest.where(Chat.id.in_(_LATEST))))
        if len(chats) < MOST:
            # Her teams have few of the hospital's chats.
            children = select(PatientCarer.carer_id).join(Patient, Patient.id == PatientCarer.patient_id)
            theirs = select(Chat.id).where(Chat.carer_id.in_(children.where(Patient.team_id.in_(teams_of(staff.id)))))
            known = theirs.union(select(Chat.id).where(Chat.team_id.in_(teams_of(staff.id))))
            chats = list(await tx.scalars(rest.where(Chat.id.in_(known))))
        chats = [*urgent, *chats]
    items = await _items(tx, staff, chats, now)
    return sorted(items, key=_place)


def _place(item: ChatItem) -> tuple[int, float]:
    if item.since is not None:
        return GROUPS.index(WAITING), item.since.timestamp()
    return GROUPS.index(item.group), -(item.at.timestamp() if item.at is not None else 0)


async def _found(tx: AsyncSession, staff: Staff, search: str) -> list[Chat]:
    """The latest chats of carers called so, or who speak for a child of her teams called or numbered so."""
    teams = list(await tx.scalars(teams_of(staff.id)))

    def called(carer: CarerTexts) -> bool:
        own = ((name, number) for team, name, number in carer.children if team in teams)
        return search in carer.name or any(search in name or search == number for name, number in own)

    async def latest(carers: Collection[int]) -> list[Chat]:
        theirs = Chat.carer_id == any_(bindparam("carers", sorted(carers), ARRAY(BigInteger)))
        order = (await tx.execute(select(Chat.id, Chat.carer_id).where(theirs).order_by(*_NEWEST))).all()
        found = list[Chat]()
        # Whose keys fit is nearly always meant, and hers: few have to be read before enough are found.
        for first in range(0, len(order), 2 * MOST):
            some = order[first : first + 2 * MOST]
            meant = {
                each.id
                async for those in texts_of_carers(tx, sorted({of for _, of in some if of is not None}))
                for each in those
                if called(each)
            }
            hers = select(Chat).where(Chat.id.in_([chat for chat, carer in some if carer in meant]), belongs_to(staff.id))
            found += await tx.scalars(hers.order_by(*_NEWEST))
            if len(found) >= MOST:
                break
        return found[:MOST]

    sought = [name_sought(search), whole_piece(search)]
    near, news = await alike(tx, CARER, teams, sought, NEAR), await with_news(tx, CARER)
    if len(near) == NEAR:
        # Many are called so: most often those who wrote last are enough, and they are the ones to be shown.
        lately = select(Chat.carer_id).where(Chat.id.in_(_LATEST), Chat.carer_id.is_not(None))
        wrote = {carer for carer in await tx.scalars(lately) if carer is not None}
        chats = await latest({*await alike(tx, CARER, teams, sought, None, among=wrote), *(news & wrote)})
        if len(chats) == MOST:
            return chats
        near = await alike(tx, CARER, teams, sought, None)
    return await latest({*near, *news})


async def _items(tx: AsyncSession, staff: Staff, chats: Sequence[Chat], now: datetime) -> list[ChatItem]:
    ids = {"chats": [chat.id for chat in chats]}
    carers = [chat.carer_id for chat in chats if chat.carer_id is not None]
    names = dict((await tx.execute(select(Carer.id, Carer.name).where(Carer.id.in_(carers)))).all())
    children = await _children(tx, staff, carers)
    await note_reads(tx, staff, {id for each in children.values() for id, _ in each}, why=WHY, now=now)
    owners = dict((await tx.execute(select(Staff.id, Staff.name).where(Staff.id.in_({chat.owner_id for chat in chats})))).all())
    heard, spoken, asked = await _last_words(tx, ids), await _last_answers(tx, ids), await _asked(tx, ids)
    unread, flags = await _unread(tx, staff, ids), await _flags(tx, ids)
    items = []
    for chat in chats:
        message, answer, flag = heard.get(chat.id), spoken.get(chat.id), flags.get(chat.id)
        since = flag[1] if flag is not None else None
        if chat.state == "human" and (waits := asked.get(chat.id)) is not None:
            since = min(waits, since) if since is not None else waits
        group = MINE if chat.owner_id == staff.id else COLLEAGUE if chat.state == "human" else BOT
        at = max((each[0] for each in (message, answer) if each is not None), default=chat.opened_at)
        latest = max((each for each in (message, answer) if each is not None), key=lambda each: each[0], default=None)
        items.append(
            ChatItem(
                chat.id,
                group,
                names.get(chat.carer_id or 0, say("inbox.stranger")),
                tuple(name for _, name in children.get(chat.carer_id or 0, ())),
                owners.get(chat.owner_id or 0),
                latest[1][:PREVIEW] if latest is not None else "",
                at,
                since,
                flag[0] if flag is not None else None,
                unread.get(chat.id, 0),
            )
        )
    return items


async def _children(tx: AsyncSession, staff: Staff, carers: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """The children of her teams by carer, the youngest first."""
    query = (
        select(PatientCarer.carer_id, Patient.id, Patient.name)
        .join(Patient, Patient.id == PatientCarer.patient_id)
        .where(PatientCarer.carer_id.in_(carers), Patient.team_id.in_(teams_of(staff.id)))
        .order_by(Patient.birth_date.desc(), Patient.id)
    )
    found: dict[int, list[tuple[int, str]]] = {}
    for carer_id, patient_id, name in await tx.execute(query):
        found.setdefault(carer_id, []).append((patient_id, name))
    return found


async def _last_words(tx: AsyncSession, ids: dict[str, Any]) -> dict[int, tuple[datetime, str]]:
    """The family's last message in each chat, or a servicer's: when, and its words."""
    last = (
        select(Inbound.chat_id, func.max(Inbound.id).label("id"))
        .where(Inbound.chat_id == _IDS, Inbound.origin.in_((CUSTOMER, SERVICER)))
        .group_by(Inbound.chat_id)
        .subquery()
    )
    rows = await tx.execute(select(Inbound).join(last, last.c.id == Inbound.id), ids)
    return {row.chat_id: (row.sent_at, words_of(row)) for row in rows.scalars()}


def words_of(message: Inbound) -> str:
    """What a message says, or what kind it is."""
    return message.text or said_or(f"inbox.kind.{message.msgtype}", say("inbox.kind.other"))


async def _last_answers(tx: AsyncSession, ids: dict[str, Any]) -> dict[int, tuple[datetime, str]]:
    """What was last sent from here."""
    last = select(Outbound.chat_id, func.max(Outbound.seq).label("seq")).where(Outbound.chat_id == _IDS, Outbound.state == "sent")
    latest = last.where(Outbound.route.in_(("kf", "kf_event"))).group_by(Outbound.chat_id).subquery()
    rows = await tx.execute(select(Outbound).join(latest, latest.c.seq == Outbound.seq), ids)
    return {row.chat_id or 0: (row.sent_at or row.created_at, plain_text(row.payload)) for row in rows.scalars()}


async def _asked(tx: AsyncSession, ids: dict[str, Any]) -> dict[int, datetime]:
    """In chats that a person has: since when the family's words wait for an answer."""
    wrote = (
        select(func.max(Inbound.received_at))
        .where(Inbound.chat_id == Chat.id, Inbound.origin == SERVICER)
        .correlate(Chat)
        .scalar_subquery()
    )
    said = (
        select(func.max(Outbound.created_at))
        .where(Outbound.chat_id == Chat.id, Outbound.purpose == CLINICIAN)
        .correlate(Chat)
        .scalar_subquery()
    )
    # Before she took it the bot had answered.
    last = func.coalesce(func.greatest(wrote, said), func.to_timestamp(0))
    waits = (
        select(Chat.id, func.min(Inbound.received_at))
        .join(Inbound, Inbound.chat_id == Chat.id)
        .where(Chat.id == _IDS, Chat.state == "human", Inbound.origin == CUSTOMER, Inbound.state != "done", Inbound.received_at > last)
        .group_by(Chat.id)
    )
    return dict((await tx.execute(waits, ids)).all())


async def _unread(tx: AsyncSession, staff: Staff, ids: dict[str, Any]) -> dict[int, int]:
    """How many messages of the family she has not seen, in chats that she has opened before or that somebody has."""
    query = (
        select(Inbound.chat_id, func.count())
        .join(ChatSeen, (ChatSeen.chat_id == Inbound.chat_id) & (ChatSeen.staff_id == staff.id), isouter=True)
        .join(Chat, Chat.id == Inbound.chat_id)
        .where(Inbound.chat_id == _IDS, Inbound.origin == CUSTOMER)
        .where(or_(Inbound.id > ChatSeen.inbound_id, ChatSeen.chat_id.is_(None) & (Chat.state == "human") & (Inbound.state != "done")))
        .group_by(Inbound.chat_id)
    )
    return dict((await tx.execute(query, ids)).all())


async def _flags(tx: AsyncSession, ids: dict[str, Any]) -> dict[int, tuple[str, datetime]]:
    """The worst level of the alerts that nobody has taken, and since when the first of them waits."""
    found: dict[int, tuple[str, datetime]] = {}
    query = select(Flag).where(Flag.chat_id == _IDS, Flag.state.in_(("raised", "delivered")))
    for flag in await tx.scalars(query, ids):
        chat_id, level, at = flag.chat_id or 0, flag.level, flag.raised_at
        worst, since = found.get(chat_id, (level, at))
        found[chat_id] = max(level, worst, key=LEVELS.index), min(at, since)
    return found


async def note_seen(tx: AsyncSession, staff: Staff, chat_id: int) -> None:
    """She has seen what the family wrote up to now."""
    last = await tx.scalar(select(func.max(Inbound.id)).where(Inbound.chat_id == chat_id))
    if last is None:
        return
    table = ChatSeen.metadata.tables[ChatSeen.__tablename__]
    values = {"chat_id": chat_id, "staff_id": staff.id, "inbound_id": last}
    seen = insert(table).values(values)
    newer = seen.excluded.inbound_id > table.c.inbound_id
    await tx.execute(seen.on_conflict_do_update(index_elements=["chat_id", "staff_id"], set_={"inbound_id": last}, where=newer))
