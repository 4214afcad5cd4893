"""A clinician taps 接手, 转交 or 已处理 on a card."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import alerts, questions
from bot.cards import CLAIM, CLOSE, NEXT_TIER, TRANSFER, show_everywhere, taken_by
from bot.friends import friend_event
from bot.push_events import PushEvents
from bot.push_gateway import PUSH
from bot.staff_sync import contact_event
from integrations.wecom.callback import selected_options
from records.database import Database, is_lost_connection
from records.flag import Flag, FlagNotice, lock_flag
from records.patient import AccessRefused
from records.staff import Staff, TeamMember
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
            elif event.event == "change_contact":
                await contact_event(tx, event.fields, now)
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
    if flag.state == "closed" or (fields.get("EventKey") != CLOSE and not alerts.is_theirs(flag, staff)):
        # The second one only sees who was first.
        return await show_everywhere(tx, flag, await taken_by(tx, flag), now)
    match fields.get("EventKey"):
        case str(key) if key == CLAIM:
            return await alerts.claim(tx, flag, chat, staff, now, tapped=notice)
        case str(key) if key == TRANSFER:
            chosen = selected_options(fields).get("to") or [NEXT_TIER]
            return await alerts.transfer(tx, flag, staff, chosen[0], now)
        case str(key) if key == CLOSE:
            return await alerts.close(tx, flag, staff, now)
    log.warning("click on an unknown button")
    return []


async def _team_member(tx: AsyncSession, flag: Flag, userid: str) -> Staff:
    staff = await tx.scalar(select(Staff).join(TeamMember).where(Staff.userid == userid, Staff.active, TeamMember.team_id == flag.team_id))
    if staff is None:
        raise AccessRefused(f"flag {flag.id}")
    return staff
