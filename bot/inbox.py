"""From "account X has news" to stored messages: pull pages with the stored cursor, messages and cursor in one transaction."""

import asyncio
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.danger_first import in_danger
from bot.jobs import BULK, DANGER, URGENT, Job, defer
from bot.media import MEDIA_TYPES, VOICE, WAITING
from bot.tracing import span
from integrations.wecom import kf
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.inbound import Inbound as Item
from integrations.wecom.inbound import InboundError, parse_item
from records.chat import Chat
from records.database import Database
from records.message import Inbound
from records.patient import Carer
from records.trace import following, trace_id, trace_of
from records.wecom import CallbackEvent, KfAccount

log = structlog.get_logger(__name__)

PAGE = 1000
# A page may be empty though more is said to follow; a platform that says so for ever is asked again by the next sweep.
EMPTY_PAGES = 20
# On a first pull (empty cursor) up to three days of history arrive: what is older than this is stored, not answered.
FIRST_PULL_ANSWERS = timedelta(hours=1)
# wecom-api §6: a temporary media file lives 3 days.
MEDIA_KEPT, MEDIA_PATIENCE = timedelta(days=3), timedelta(seconds=20)
# Longer than that nobody waits for what a picture or a voice message says.
PICTURE_KEPT = timedelta(days=1)

# Into the tables themselves: the mapper would part rows that lack something from the others, and so change their order.
_INBOUND, _CHAT = cast(Table, Inbound.__table__), cast(Table, Chat.__table__)
_KEEP = insert(_INBOUND).on_conflict_do_nothing(index_elements=["msgid"]).returning(_INBOUND.c.chat_id, _INBOUND.c.msgtype, _INBOUND.c.id)
_MEET = insert(_CHAT).on_conflict_do_nothing(index_elements=["open_kfid", "external_userid"])


class Inbox:
    """Pulls service accounts. `clock` gives now in UTC."""

    def __init__(self, db: Database, client: WecomClient, clock: Callable[[], datetime]) -> None:
        self._db, self._client, self._clock = db, client, clock
        self._rest_until: dict[str, datetime] = {}

    async def pull(self, open_kfid: str) -> None:
        """Store everything that is new for the account. Runs once at a time per account; a repeat stores nothing twice."""
        # Ended by a commit: after a rollback the connection would forget all that it has prepared.
        async with self._db.engine.begin() as guard:
            # The job's lock keeps jobs apart; this keeps a stalled job's twin on another machine apart too.
            held = await guard.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(f"pull:{open_kfid}", 0))))
            rest_until = self._rest_until.get(open_kfid)
            if not held or (rest_until is not None and self._clock() < rest_until):
                return
            empty = 0
            while empty < EMPTY_PAGES and (items := await self._pull_page(open_kfid)) is not None:
                empty = 0 if items else empty + 1

    async def _sync(self, account: KfAccount) -> kf.SyncPage:
        try:
            try:
                return await kf.sync_msg(self._client, account.open_kfid, cursor=account.cursor, token=account.news_token or "", limit=PAGE)
            except WecomError as err:
                if err.code != "sync_token_stale":
                    raise
                # The token of an old callback (10 minutes): pull without it, which WeCom allows slowly.
                return await kf.sync_msg(self._client, account.open_kfid, cursor=account.cursor, limit=PAGE)
        except WecomError as err:
            if err.retry_after:
                # The sweep offers the pull again with every look; the platform wants to be left alone for longer.
                self._rest_until[account.open_kfid] = self._clock() + timedelta(seconds=err.retry_after)
            raise

    async def _pull_page(self, open_kfid: str) -> int | None:
        """One page; the number of its items, None when there are no more."""
        async with self._db.transaction() as tx:
            account = await tx.get(KfAccount, open_kfid)
        if account is None:
            return None
        # What no callback told of is followed from here.
        with span("pull", trace_of(account.news_token or f"{open_kfid} {account.cursor}")):
            return await self._store_page(account)

    async def _store_page(self, account: KfAccount) -> int | None:
        page = await self._sync(account)
        now = self._clock()
        async with self._db.transaction() as tx:
            moved = await tx.execute(
                update(KfAccount)
                .where(KfAccount.open_kfid == account.open_kfid, KfAccount.cursor == account.cursor)
                .values(cursor=page.next_cursor or account.cursor)
            )
            if not moved.rowcount:  # type: ignore[attr-defined]
                return 0
            await store_items(tx, page.items, account, now)
            if not page.has_more:
                await tx.execute(update(KfAccount).where(KfAccount.open_kfid == account.open_kfid).values(pulled_at=account.news_at))
        return len(page.items) if page.has_more else None


async def store_items(tx: AsyncSession, items: Sequence[Any], account: KfAccount, now: datetime) -> None:
    """Store a page's items in the order of their times and hand their chats to the engine. Repeats by `msgid` are dropped."""
    parsed: list[Item] = []
    for raw in (_storable(item) for item in items):
        try:
            parsed.append(parse_item(raw))
        except InboundError as err:
            # Nothing said is lost: what cannot be read is kept as it came, for a person to look at.
            log.error("unreadable item kept", code=err.code)
            identity = hashlib.sha256(json.dumps(raw, sort_keys=True, default=str).encode()).hexdigest()
            await _keep_raw(tx, f"unreadable:{identity}", "unreadable", {"item": raw}, now)
    parsed.sort(key=lambda item: item.send_time)
    told = [item for item in parsed if item.external_userid]
    for item in parsed:
        if not item.external_userid:
            await _keep_raw(tx, f"kf:{item.msgid}", item.event_type or item.msgtype, dict(item.raw), now)
    chats = await _chats(tx, account, {item.external_userid for item in told if item.external_userid}, now)
    rows = [_row(item, chats[item.external_userid], account, now) for item in told if item.external_userid]
    if not rows:
        return
    # As parameters: a statement that holds the rows is made anew, at some milliseconds, for each page.
    fresh = await tx.execute(_KEEP, rows)
    stored, trace = fresh.all(), trace_id(following())
    for chat, msgtype, message in stored:
        metrics.MESSAGES_IN.labels(msgtype).inc()
        log.info("heard", trace=trace, message=message, chat=chat, msgtype=msgtype)
    first = {chats[user] for user in await asyncio.to_thread(in_danger, told, now)}
    waiting = sorted({chat for chat, _, _ in stored})
    await defer(tx, [Job("drain", str(chat), lock=f"chat:{chat}") for chat in waiting if chat in first], priority=DANGER)
    # As urgent as a pull, or callbacks that keep coming would keep every answer waiting.
    await defer(tx, [Job("drain", str(chat), lock=f"chat:{chat}") for chat in waiting if chat not in first], priority=URGENT)
    # What is said aloud may be a danger; a file of it is small.
    await defer(tx, [Job("media", str(message)) for _, msgtype, message in stored if msgtype == "voice"])
    rest = [Job("media", str(message)) for _, msgtype, message in stored if msgtype in MEDIA_TYPES and msgtype != "voice"]
    await defer(tx, rest, priority=BULK)


def _storable(value: Any) -> Any:
    """`value` as PostgreSQL can keep it: it knows no NUL in text, no half of a character pair, no NaN. One such item must not hold up
    all that come after it."""
    match value:
        case str():
            return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_storable(name): _storable(each) for name, each in value.items()}
        case list():
            return [_storable(each) for each in value]
    return value


def _row(item: Item, chat_id: int, account: KfAccount, now: datetime) -> dict[str, Any]:
    # `pulled_at` is set at the end of the first pull, which may have had many pages.
    history = account.pulled_at is None and item.send_time < now - FIRST_PULL_ANSWERS
    return {
        "chat_id": chat_id,
        "msgid": item.msgid,
        "origin": item.origin,
        "msgtype": item.event_type if item.msgtype == "event" and item.event_type else item.msgtype,
        "text": item.text,
        "menu_id": item.menu_id,
        "body": dict(item.raw),
        "sent_at": item.send_time,
        "received_at": now,
        "state": "recorded" if history else "new",
        "trace": following(),
    }


async def _chats(tx: AsyncSession, account: KfAccount, users: set[str], now: datetime) -> dict[str, int]:
    """The chat of each customer, made when this is his first message, and joined to the carer we know by his id."""
    if not users:
        return {}
    known = await tx.execute(select(Carer.external_userid, Carer.id).where(Carer.external_userid.in_(users)))
    carers = {user: carer for user, carer in known}
    of = {"open_kfid": account.open_kfid, "team_id": account.team_id, "opened_at": now}
    await tx.execute(_MEET, [{**of, "external_userid": user, "carer_id": carers.get(user)} for user in sorted(users)])
    rows = await tx.execute(
        select(Chat.external_userid, Chat.id).where(Chat.open_kfid == account.open_kfid, Chat.external_userid.in_(users))
    )
    return {user: chat for user, chat in rows}


async def _keep_raw(tx: AsyncSession, key: str, event: str, raw: dict[str, Any], now: datetime) -> None:
    await tx.execute(
        insert(CallbackEvent)
        .values(key=key, event=event, fields=raw, received_at=now, handled_at=now)
        .on_conflict_do_nothing(index_elements=["key"])
    )


async def accounts_with_news(tx: AsyncSession) -> list[str]:
    """Accounts whose news nobody has pulled to the end."""
    rows = await tx.scalars(
        select(KfAccount.open_kfid).where(
            KfAccount.news_at.is_not(None), KfAccount.pulled_at.is_(None) | (KfAccount.news_at > KfAccount.pulled_at)
        )
    )
    return list(rows)


async def chats_left_waiting(tx: AsyncSession, received_before: datetime) -> list[int]:
    """Chats with a message that nobody has handled since `received_before`."""
    rows = await tx.scalars(
        select(Inbound.chat_id).where(Inbound.state == "new", Inbound.received_at < received_before).distinct().limit(500)
    )
    return list(rows)


async def media_left_behind(tx: AsyncSession, now: datetime) -> list[int]:
    """Messages of the last three days whose file nobody has fetched yet, though there was time."""
    rows = await tx.scalars(
        select(Inbound.id)
        .where(
            Inbound.msgtype.in_(MEDIA_TYPES),
            Inbound.received_at < now - MEDIA_PATIENCE,
            Inbound.received_at > now - MEDIA_KEPT,
            ~Inbound.outcome.has_key("media"),
        )
        .limit(100)
    )
    return list(rows)


async def pictures_left_behind(tx: AsyncSession, now: datetime) -> list[int]:
    """Images of the last day whose file is there and that nobody has read, though there was time."""
    rows = await tx.scalars(
        select(Inbound.id)
        .where(
            Inbound.msgtype == "image",
            Inbound.received_at < now - MEDIA_PATIENCE,
            Inbound.received_at > now - PICTURE_KEPT,
            Inbound.outcome.has_key("media"),
            ~Inbound.outcome.has_key("picture"),
        )
        .limit(100)
    )
    return list(rows)


async def voices_left_behind(tx: AsyncSession, now: datetime) -> list[tuple[int, int]]:
    """Voice messages of the last day, with their chats, that wait to be heard though there was time."""
    rows = await tx.execute(
        select(Inbound.id, Inbound.chat_id)
        .where(
            Inbound.msgtype == "voice",
            Inbound.received_at < now - MEDIA_PATIENCE,
            Inbound.received_at > now - PICTURE_KEPT,
            Inbound.outcome[VOICE]["state"].astext == WAITING,
        )
        .order_by(Inbound.id)
        .limit(100)
    )
    return [(message, chat) for message, chat in rows]


async def look_again(tx: AsyncSession, after: timedelta) -> None:
    """Want a pull for every account that nobody has told us about for `after`: a callback that WeCom gave up is not told again."""
    now = func.clock_timestamp()
    # Passing over locked rows, because a gateway may hold them; whoever holds one has news to tell.
    overdue = (
        select(KfAccount.open_kfid)
        .where(KfAccount.news_at.is_(None) | (KfAccount.news_at < now - after))
        .order_by(KfAccount.open_kfid)
        .with_for_update(skip_locked=True)
    )
    await tx.execute(update(KfAccount).where(KfAccount.open_kfid.in_(overdue)).values(news_at=now, news_token=None))
