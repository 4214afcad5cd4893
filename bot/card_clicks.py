"""A clinician taps 接手, 转交 or 已处理 on a card."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import questions
from bot.cards import CLAIM, CLOSE, NEXT_TIER, TRANSFER, claimed_card, show_everywhere, taken_by, withdraw_cards
from bot.escalation import ladders, next_tier, notify
from bot.friends import friend_event
from bot.handover import hand_over
from bot.jobs import URGENT, Job, defer
from bot.push_events import PushEvents
from bot.push_gateway import PUSH
from bot.texts import say
from integrations.wecom.callback import selected_options
from records.chat import Chat
from records.database import Database, is_lost_connection
from records.flag import FLAG_MOVES, Flag, FlagNotice, lock_flag
from records.message import enqueue
from records.patient import AccessRefused, Patient
from records.question import close_questions
from records.staff import Staff, Team, TeamMember, colleagues
from records.state import move
from records.wecom import CallbackEvent

log = structlog.get_logger(__name__)

# A callback that fails this often is not tried again; the clinician taps again, and the alert's own clock runs on.
ATTEMPTS = 5


class CallbackEvents:
    """Handles callbacks that carry their own content. Each once: `handled_at` is set in the transaction of the effect."""

    def __init__(
        self,
        db: Database,
        deliver: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        reload_accounts: Callable[[], Awaitable[None]],
        push: PushEvents,
    ) -> None:
        self._db, self._deliver, self._clock, self._reload_accounts, self._push = db, deliver, clock, reload_accounts, push

    async def handle(self, key: str) -> None:
        """Carry out the stored callback `key`. One that fails ATTEMPTS times is set aside with its error."""
        try:
            await self._handle(key)
        except Exception as err:
            if not is_lost_connection(err):
                await self._set_back(key, err)
            raise

    async def _set_back(self, key: str, err: Exception) -> None:
        async with self._db.transaction() as tx:
            event = await tx.scalar(select(CallbackEvent).where(CallbackEvent.key == key).with_for_update())
            if event is not None and event.handled_at is None:
                event.attempts += 1
                event.error = type(err).__name__
                if event.attempts >= ATTEMPTS:
                    event.handled_at = self._clock()

    async def _handle(self, key: str) -> None:
        now = self._clock()
        lines: list[str] = []
        reload = False
        async with self._db.transaction() as tx:
            event = await tx.scalar(select(CallbackEvent).where(CallbackEvent.key == key).with_for_update())
            if event is None or event.handled_at is not None:
                return
            event.handled_at = now
            if event.event == "template_card_event":
                own = questions.CARD.fullmatch(str(event.fields.get("TaskId")))
                try:
                    lines = await (questions.keep_answer if own else click)(tx, event.fields, now)
                except AccessRefused as err:
                    event.error = err.code
                    log.warning("card click refused", code=err.code)
            elif event.event.startswith(PUSH):
                await self._push.handle(tx, event.event, event.fields, now)
            elif event.event == "text":
                lines = await questions.hear_member(tx, event.fields, now)
            elif event.event == "change_external_contact":
                await friend_event(tx, event.fields, now)
            reload = event.event == "kf_account_auth_change"
        for line in dict.fromkeys(lines):
            await self._deliver(line)
        if reload:
            await self._reload_accounts()


async def click(tx: AsyncSession, fields: dict[str, Any], now: datetime) -> list[str]:
    """Carry out one click; the outbox lines to send. Raises AccessRefused for somebody who is not of the alert's team."""
    notice = await tx.scalar(select(FlagNotice).where(FlagNotice.card == fields.get("TaskId")))
    flag, chat = await lock_flag(tx, notice.flag_id) if notice is not None else (None, None)
    if notice is None or flag is None:
        log.warning("click on an unknown card")
        return []
    staff = await _team_member(tx, flag, str(fields.get("FromUserName")))
    # A click always brings a fresh code; the one we had is used up or stale.
    await tx.refresh(notice, with_for_update=True)
    notice.response_code = fields.get("ResponseCode")
    taken = flag.state == "acknowledged" and flag.owner_id != staff.id and fields.get("EventKey") != CLOSE
    if flag.state == "closed" or taken:
        # The second one only sees who was first.
        return await show_everywhere(tx, flag, await taken_by(tx, flag), now)
    match fields.get("EventKey"):
        case str(key) if key == CLAIM:
            return await _claim(tx, flag, chat, notice, staff, now)
        case str(key) if key == TRANSFER:
            chosen = selected_options(fields).get("to") or [NEXT_TIER]
            return await _transfer(tx, flag, staff, chosen[0], now)
        case str(key) if key == CLOSE:
            return await _close(tx, flag, staff, now)
    log.warning("click on an unknown button")
    return []


async def _claim(tx: AsyncSession, flag: Flag, chat: Chat | None, notice: FlagNotice, staff: Staff, now: datetime) -> list[str]:
    """The clinician has it: timers stop, the chat becomes hers, everybody sees it."""
    if not await move(
        tx, flag, "acknowledged", moves=FLAG_MOVES, at=now, by=staff.userid, owner_id=staff.id, acknowledged_at=now, next_at=None
    ):
        return []
    await withdraw_cards(tx, flag)
    lines = await show_everywhere(tx, flag, await taken_by(tx, flag), now, keep=notice)
    patient = await tx.get(Patient, flag.patient_id) if flag.patient_id is not None else None
    team = await tx.get_one(Team, flag.team_id)
    card = claimed_card(notice.card, flag, patient, team, await colleagues(tx, flag.team_id, staff), now)
    await enqueue(
        tx,
        f"update:{notice.card}:claimed:{now.timestamp():.0f}",
        line=f"staff:{staff.userid}",
        route="app_update",
        payload={"userids": [staff.userid], "response_code": notice.response_code, "template_card": card},
        purpose="card_update",
        now=now,
    )
    notice.response_code = None
    lines.append(f"staff:{staff.userid}")
    if chat is not None:
        await hand_over(tx, chat, key=f"handover:flag:{flag.id}:{staff.userid}:{now.timestamp():.0f}", now=now, to=staff)
        await defer(tx, [Job("deliver", f"chat:{chat.id}", lock=f"chat:{chat.id}")], priority=URGENT)
    return lines


async def _transfer(tx: AsyncSession, flag: Flag, staff: Staff, to: str, now: datetime) -> list[str]:
    """To one colleague, or to the next tier. The alert is open again and its clock runs until the other one has it."""
    await withdraw_cards(tx, flag)
    flag.round += 1
    person = None
    if to != NEXT_TIER:
        person = await tx.scalar(select(Staff).join(TeamMember).where(Staff.userid == to, Staff.active, TeamMember.team_id == flag.team_id))
    flag.next_at = now + ladders()[flag.level].repeat
    if flag.state in ("raised", "acknowledged"):
        await move(
            tx,
            flag,
            "delivered",
            moves=FLAG_MOVES,
            at=now,
            by=staff.userid,
            reason=f"transferred to {to}",
            owner_id=None,
            next_at=flag.next_at,
        )
    people = [person] if person is not None else await next_tier(tx, flag, now)
    lines = [await notify(tx, flag, each, now) for each in people]
    if not people:
        # There is no next tier: everybody is asked again.
        flag.next_at = now
        await defer(tx, [Job("escalate", str(flag.id), lock=f"flag:{flag.id}")], priority=URGENT)
    name = person.name if person is not None else say("card.next_tier")
    return lines + await show_everywhere(tx, flag, say("card.transferred_by", name=staff.name, to=name), now)


async def _close(tx: AsyncSession, flag: Flag, staff: Staff, now: datetime) -> list[str]:
    await move(
        tx,
        flag,
        "closed",
        moves=FLAG_MOVES,
        at=now,
        by=staff.userid,
        owner_id=staff.id,
        closed_at=now,
        outcome="handled",
        next_at=None,
        acknowledged_at=flag.acknowledged_at or now,
    )
    await close_questions(tx, flag, by=staff.userid, now=now)
    await withdraw_cards(tx, flag)
    return await show_everywhere(tx, flag, say("card.closed_by", name=staff.name), now)


async def _team_member(tx: AsyncSession, flag: Flag, userid: str) -> Staff:
    staff = await tx.scalar(select(Staff).join(TeamMember).where(Staff.userid == userid, Staff.active, TeamMember.team_id == flag.team_id))
    if staff is None:
        raise AccessRefused(f"flag {flag.id}")
    return staff
