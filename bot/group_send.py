"""客户群发: one mass message for all families that a member is to be asked about, his tap, and what became of it family by family."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.hold import held_back
from bot.reach import GROUP_LINE, USELESS, Means, not_arrived
from bot.texts import say
from integrations.wecom import mass_message
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from plans.guard import is_quiet
from records.contact import Contact, move_contacts
from records.database import Database
from records.friendship import part_ways
from records.group_send import GROUP_SEND_MOVES, GroupSend
from records.message import Outbound, enqueue
from records.patient import Carer
from records.state import created, move
from records.wecom import KfAccount

log = structlog.get_logger(__name__)

GROUP = GROUP_LINE
# wecom-api §5.5: customers of one mass message.
MOST = 10_000
LEASE, AGAIN = timedelta(minutes=2), timedelta(minutes=5)
# A member who has not tapped is reminded once, and after a day the families are reached otherwise (R).
REMIND_AFTER, GIVE_UP_AFTER = timedelta(hours=3), timedelta(hours=24)
LOOK_EVERY = timedelta(minutes=5)


class GroupSends:
    """Prepares mass messages for members, and follows them. At most once a family: what WeCom may have taken is not sent again."""

    def __init__(self, db: Database, client: WecomClient, clock: Callable[[], datetime], means: Means) -> None:
        self._db, self._client, self._clock, self._means = db, client, clock, means

    async def prepare(self, userid: str) -> None:
        """Make one task for the member `userid` of all that waits for his tap. One caller at a time per member (the job's lock)."""
        now = self._clock()
        async with self._db.transaction() as tx:
            families, doubtful = await self._claim(tx, userid, now)
            link = await tx.scalar(
                select(KfAccount.contact_url).where(KfAccount.contact_url.is_not(None)).order_by(KfAccount.open_kfid).limit(1)
            )
        if not families:
            return
        words, gone = say("reach.group_send", link=link or ""), set[str]()
        try:
            msgid = await self._taken_before(userid, words, now) if doubtful else None
            if msgid is None:
                task = await mass_message.add_msg_template(
                    self._client, external_userids=sorted(set(families.values())), sender=userid, text=words
                )
                msgid, gone = task.msgid, set(task.fail_list)
        except WecomError as err:
            await self._refused(list(families), err)
            return
        async with self._db.transaction() as tx:
            await self._made(tx, userid, msgid, families, gone, self._clock())

    async def _claim(self, tx: AsyncSession, userid: str, now: datetime) -> tuple[dict[str, str], bool]:
        """The rows that may go now, by key with the family's external_userid; whether an earlier try of any may have reached WeCom."""
        due = or_(Outbound.state == "queued", (Outbound.state == "sending") & (Outbound.lease_until < now))
        rows = await tx.scalars(
            select(Outbound)
            .where(Outbound.line == f"{GROUP}{userid}", due, Outbound.not_before <= now)
            .order_by(Outbound.seq)
            .limit(MOST)
            .with_for_update(skip_locked=True)
        )
        taken: list[Outbound] = []
        doubtful = False
        for row in rows:
            useless = row.useful_until is not None and now >= row.useful_until
            hold = None if useless else await held_back(tx, row, None, now=now, zone=self._means.zone)
            if hold is not None and hold.until is not None:
                row.state, row.not_before = "queued", hold.until
            elif useless or hold is not None:
                row.state = "withdrawn"
                row.error = hold.reason if hold is not None else USELESS
                await not_arrived(tx, row, row.error, refused=False, now=now, means=self._means)
            else:
                doubtful = doubtful or row.state == "sending" or row.error == "unknown_outcome"
                row.state, row.lease_until, row.attempts = "sending", now + LEASE, row.attempts + 1
                taken.append(row)
        ids = {int(row.payload["carer_id"]): row.key for row in taken}
        users = await tx.execute(select(Carer.id, Carer.external_userid).where(Carer.id.in_(ids), Carer.external_userid.is_not(None)))
        return {ids[id]: str(user) for id, user in users}, doubtful

    async def _taken_before(self, userid: str, words: str, now: datetime) -> str | None:
        """The task that an earlier try made whose answer was lost."""
        page = await mass_message.get_groupmsg_list(self._client, "single", now - timedelta(days=1), now, creator=userid, limit=100)
        async with self._db.transaction() as tx:
            known = set(await tx.scalars(select(GroupSend.msgid).where(GroupSend.userid == userid)))
        for message in page.group_msg_list:
            if message.msgid not in known and (message.text or {}).get("content") == words:
                return message.msgid
        return None

    async def _refused(self, keys: Sequence[str], err: WecomError) -> None:
        now = self._clock()
        log.warning("mass message not taken", code=err.code, families=len(keys))
        async with self._db.transaction() as tx:
            rows = await tx.scalars(select(Outbound).where(Outbound.key.in_(keys)).order_by(Outbound.seq).with_for_update())
            for row in rows.all():
                row.lease_until = None
                if err.permanent:
                    row.state, row.error = "failed", err.code
                    await not_arrived(tx, row, err.code, refused=False, now=now, means=self._means)
                else:
                    wait = timedelta(seconds=err.retry_after) if err.retry_after else AGAIN
                    row.state, row.error, row.not_before = "queued", err.code, now + wait

    async def _made(self, tx: AsyncSession, userid: str, msgid: str, families: dict[str, str], gone: set[str], now: datetime) -> None:
        """The task waits for the member's tap. Until then its contacts stay planned."""
        task = GroupSend(userid=userid, msgid=msgid, created_at=now)
        tx.add(task)
        await tx.flush()
        created(tx, task, at=now, by="system")
        values = {"state": "sent", "sent_at": now, "lease_until": None, "error": None, "response": {"msgid": msgid}}
        await tx.execute(update(Outbound).where(Outbound.key.in_(families)).values(**values).execution_options(synchronize_session=False))
        await tx.execute(
            update(Contact).where(Contact.key.in_(families)).values(reference=msgid).execution_options(synchronize_session=False)
        )
        await self._lost(tx, [key for key, user in families.items() if user in gone], "not_a_friend", now, refused=False)
        payload = {"msgtype": "text", "text": {"content": say("reach.group_send_notice", count=len(families) - len(gone))}}
        await enqueue(tx, f"group_send:{task.id}", line=f"staff:{userid}", route="app", payload=payload, purpose="notice", now=now)

    async def _lost(self, tx: AsyncSession, keys: Sequence[str], code: str, now: datetime, *, refused: bool) -> None:
        rows = await tx.scalars(select(Outbound).where(Outbound.key.in_(keys)).order_by(Outbound.seq).with_for_update())
        for row in rows.all():
            row.state, row.error = "failed", code
            await not_arrived(tx, row, code, refused=refused, now=now, means=self._means)

    async def look(self) -> int:
        """Ask what became of the mass messages that wait; how many were asked about."""
        now = self._clock()
        async with self._db.transaction() as tx:
            looked_at = func.coalesce(GroupSend.polled_at, GroupSend.created_at)
            waiting = select(GroupSend.id).where(GroupSend.state == "waiting", looked_at <= now - LOOK_EVERY)
            ids = list(await tx.scalars(waiting.order_by(GroupSend.id).limit(50)))
        for id in ids:
            await self._look(id, now)
        return len(ids)

    async def _look(self, id: int, now: datetime) -> None:
        async with self._db.transaction() as tx:
            task = await tx.get_one(GroupSend, id)
            userid, msgid, since, reminded = task.userid, task.msgid, task.created_at, task.reminded_at
        statuses: dict[str, int] = {}
        cursor, more = "", True
        while more:
            page = await mass_message.get_groupmsg_send_result(self._client, msgid, userid, cursor=cursor)
            statuses |= {each.external_userid: each.status for each in page.send_list if each.external_userid}
            cursor, more = page.next_cursor, bool(page.next_cursor)
        over = now >= since + GIVE_UP_AFTER
        remind = not over and reminded is None and now >= since + REMIND_AFTER and not is_quiet(now, self._means.zone)
        waits = not statuses or mass_message.NOT_SENT in statuses.values()
        try:
            if waits and over:
                await mass_message.cancel_groupmsg_send(self._client, msgid)
            elif waits and remind:
                await mass_message.remind_groupmsg_send(self._client, msgid)
        except WecomError as err:
            log.warning("mass message", code=err.code)
        async with self._db.transaction() as tx:
            task = await tx.get_one(GroupSend, id, with_for_update=True, populate_existing=True)
            task.polled_at = now
            if waits and remind:
                task.reminded_at = now
            await self._results(tx, task, statuses, now, over=over)
            if task.state == "waiting" and (over or not waits):
                state = "cancelled" if waits else "done"
                await tx.flush()
                await move(tx, task, state, moves=GROUP_SEND_MOVES, at=now, by="system", reason="results" if not waits else "not confirmed")

    async def _results(self, tx: AsyncSession, task: GroupSend, statuses: dict[str, int], now: datetime, *, over: bool) -> None:
        open_ones = await tx.execute(
            select(Contact.key, Carer.external_userid)
            .join(Carer, Carer.id == Contact.carer_id)
            .where(Contact.reference == task.msgid, Contact.route == "group_send", Contact.state == "planned")
            .order_by(Contact.id)
        )
        by_status: dict[int, list[str]] = {}
        for key, user in open_ones.all():
            by_status.setdefault(statuses.get(str(user), mass_message.NOT_SENT), []).append(key)
            if statuses.get(str(user)) == mass_message.NOT_A_FRIEND:
                await part_ways(tx, str(user), task.userid, now)
        await move_contacts(tx, by_status.get(mass_message.SENT, []), "delivered", now=now)
        await self._lost(tx, by_status.get(mass_message.NOT_A_FRIEND, []), "not_a_friend", now, refused=True)
        await self._lost(tx, by_status.get(mass_message.OVER_CAP, []), "over_cap", now, refused=False)
        if over:
            await self._lost(tx, by_status.get(mass_message.NOT_SENT, []), "not_confirmed", now, refused=False)
