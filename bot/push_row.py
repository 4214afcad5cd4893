"""An outbox row that goes by a push channel: where to, with which link, and what the channel's answer means for the address."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.push import PushPorts
from bot.reach import TEMPLATE
from bot.routes import SendRefused, Sent
from integrations.push import Channel, PushFields, PushRefused
from integrations.wecom.kf_account import contact_link
from plans.invitation import signing_key
from plans.reach.link import LASTS, sign
from plans.reach.route import PUSHES
from records.contact import Contact
from records.message import Outbound
from records.push_address import PushAddress, end, spend, used_up
from records.wecom import KfAccount

# The family does not want pushes there, or cannot get them there.
REFUSED = frozenset({"not_subscribed", "opted_out", "user_blocked", "bad_address"})


@dataclass(frozen=True)
class Target:
    """Where a push goes: an openid or a number, with a link that names the attempt and nobody."""

    channel: Channel
    address: str
    template: str
    consent: str
    link: str


def is_push(row: Outbound) -> bool:
    """Whether the row goes by a push channel."""
    return row.route in PUSHES


async def target(tx: AsyncSession, row: Outbound, ports: PushPorts, now: datetime) -> Target | str:
    """Where the row goes, one message of a one-time agreement used; else why it cannot go: `address_gone`, `no_link`, `not_configured`."""
    address = await tx.get(PushAddress, row.payload["address"], populate_existing=True)
    try:
        template = ports.consent_template(cast(Channel, row.route), TEMPLATE)
    except PushRefused as err:
        return err.code
    if address is None or not address.opens(template, now):
        return "address_gone"
    link = await _link(tx, row, now)
    if link is None:
        return "no_link"
    if row.attempts == 0 and not await spend(tx, address.id):
        return "address_gone"
    return Target(cast(Channel, row.route), address.address, template or "", address.consent, link)


async def _link(tx: AsyncSession, row: Outbound, now: datetime) -> str | None:
    url = await tx.scalar(select(KfAccount.contact_url).where(KfAccount.contact_url.is_not(None)).order_by(KfAccount.open_kfid).limit(1))
    contact_id = await tx.scalar(select(Contact.id).where(Contact.key == row.key))
    if url is None or contact_id is None:
        return None
    return contact_link(url, sign(await signing_key(tx), contact_id, now + LASTS))


async def send_push(ports: PushPorts, row: Outbound, to: Target) -> Sent:
    """Send it. Raises SendRefused, or PushRefused for what may be tried again.

    Where it is not known whether the channel took it, it counts as sent: a family is rather told once too little than twice.
    """
    fields = PushFields(title=str(row.payload["title"]), at=row.created_at)
    try:
        result = await ports.push(to.channel, to.address, TEMPLATE, fields, to.link, row.key)
    except PushRefused as err:
        if err.code == "unknown_outcome":
            return Sent({"doubtful": True})
        if err.permanent:
            raise SendRefused(err.code) from err
        raise
    return Sent({"msgid": result.message_id, "repeat": result.repeated})


async def learn(tx: AsyncSession, to: Target, code: str, now: datetime) -> None:
    """The channel refused the address: it is not tried again."""
    if code == "not_subscribed" and to.consent == "one_time":
        await used_up(tx, to.channel, to.address, to.template)
    elif code in REFUSED and to.channel != "sms":
        await end(tx, to.channel, to.address, now=now, template=to.template, reason=code)
