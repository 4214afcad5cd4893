"""What the push channels reported, carried out: addresses open and close, and whoever sent a push learns what became of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, cast

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import NORMAL, Job, defer
from bot.push_access import PushAccess
from bot.push_gateway import LOGIN, PUSH
from integrations.push import Channel, PushReceipt, PushRefused
from integrations.sms.callback import read_reports
from integrations.sms.number import mobile
from integrations.weixin.event import Agreed, Declined, Followed, Unfollowed, read_events
from records.message import Outbound
from records.push_address import PushAddress, agree, end, opt_out

log = structlog.get_logger(__name__)

# The job that finds whose address a new one is.
FIND_CARERS = "find_carers"


class OnReceipt(Protocol):
    """Who wants to know what became of a push."""

    async def __call__(self, tx: AsyncSession, told: PushReceipt, *, now: datetime) -> None:
        """Take a receipt in."""
        ...


class PushEvents:
    """Carries out stored reports; each in the transaction that marks it as handled."""

    def __init__(self, access: PushAccess, on_receipt: OnReceipt) -> None:
        self._on_receipt = on_receipt
        self._long_term = {
            template.id
            for account in (access.official_account, access.mini_program)
            if account is not None
            for template in account.templates.values()
            if template.kind == "long_term"
        }

    async def handle(self, tx: AsyncSession, event: str, fields: Mapping[str, Any], now: datetime) -> None:
        """Carry out one report; `event` says of which channel."""
        if event == LOGIN:
            # The platform is asked in a job of its own: nobody waits for it with a transaction open.
            await defer(tx, [Job("mini_program_login", str(fields["code"]))], priority=NORMAL)
        elif event == PUSH + "sms":
            reports = read_reports(dict(fields))
            for answer in reports.answers:
                if answer.stop:
                    await opt_out(tx, channel="sms", whose=_number(answer.phone), now=now, reason="answered a text")
            for receipt in reports.receipts:
                await self._receipt(tx, receipt, now)
        else:
            for each in read_events(cast(Channel, event.removeprefix(PUSH)), fields):
                await self._weixin(tx, event.removeprefix(PUSH), each, now)

    async def _weixin(
        self, tx: AsyncSession, channel: str, event: Followed | Unfollowed | Agreed | Declined | PushReceipt, now: datetime
    ) -> None:
        match event:
            case Followed(openid):
                await agree(tx, channel, openid, consent="follower", now=now)
                await _find(tx)
            case Unfollowed(openid):
                await end(tx, channel, openid, now=now, reason="unfollowed")
            case Agreed(openid, template):
                consent = "long_term" if template in self._long_term else "one_time"
                await agree(tx, channel, openid, template=template, consent=consent, now=now)  # type: ignore[arg-type]
                await _find(tx)
            case Declined(openid, template):
                await end(tx, channel, openid, template=template, now=now, reason="declined")
            case PushReceipt():
                await self._receipt(tx, event, now)

    async def _receipt(self, tx: AsyncSession, receipt: PushReceipt, now: datetime) -> None:
        if not receipt.message_id:
            key = await _last_sent(tx, receipt)
            if key is None:
                log.info("a receipt for nothing that we sent", channel=receipt.channel)
                return
            receipt = replace(receipt, key=key)
        await self._on_receipt(tx, receipt, now=now)


def _number(phone: str) -> str:
    """As carers' numbers are kept; what is no mobile number finds nobody."""
    try:
        return mobile(phone)
    except PushRefused:
        return phone


async def _find(tx: AsyncSession) -> None:
    await defer(tx, [Job(FIND_CARERS, "due", lock=FIND_CARERS)], priority=NORMAL, once=True)


async def _last_sent(tx: AsyncSession, receipt: PushReceipt) -> str | None:
    """The outbox key of the newest push to this address, where the platform did not say which one arrived."""
    here = select(PushAddress.id).where(PushAddress.channel == receipt.channel, PushAddress.address == receipt.address)
    found: str | None = await tx.scalar(
        select(Outbound.key)
        .where(Outbound.route == receipt.channel, Outbound.state == "sent")
        .where(Outbound.payload["address"].as_integer().in_(here))
        .order_by(Outbound.seq.desc())
        .limit(1)
    )
    return found
