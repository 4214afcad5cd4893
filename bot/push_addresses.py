"""Whose address is it? Followers and carers are asked for their unionid, and those who have the same one are the same person."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from bot.push import PushPorts
from integrations.push import PushRefused
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.kf_customer import customer_batchget
from records.database import Database
from records.patient import Carer
from records.push_address import KF, PushAddress, keep_phones, know_carer, know_unionid, match_carers, meet_visitor

log = structlog.get_logger(__name__)

# WeCom takes so many customers in a call; a follower is asked for alone.
CARERS_AT_ONCE, FOLLOWERS_AT_ONCE = 100, 50
# A unionid appears when the accounts are bound to one open platform, which is not done in an hour.
ASK_AGAIN = timedelta(days=1)


class CarerFinder:
    """Finds the carers behind addresses."""

    def __init__(self, db: Database, client: WecomClient, ports: PushPorts, clock: Callable[[], datetime]) -> None:
        self._db, self._client, self._ports, self._clock = db, client, ports, clock

    async def find(self, _: str) -> None:
        """The job: one round."""
        await self.look()

    async def look(self) -> bool:
        """One round: ask for what is not known, then match. True when more is left to ask. Does nothing without a channel."""
        if not self._ports.channels:
            return False
        more = False
        if self._ports.channels & {"official_account", "mini_program"}:
            more = await self._ask_for_carers()
            more = await self._ask_for_followers() or more
        async with self._db.transaction() as tx:
            await match_carers(tx)
            if "sms" in self._ports.channels:
                await keep_phones(tx, self._clock())
        return more

    async def login(self, code: str) -> None:
        """Somebody opened the mini program: whose openid that is. A code that is wrong or used says nothing."""
        if self._ports.login is None:
            return
        try:
            session = await self._ports.login(code)
        except PushRefused as refused:
            if not refused.permanent:
                raise
            log.warning("a login code says nothing", code=refused.code)
            return
        now = self._clock()
        async with self._db.transaction() as tx:
            await meet_visitor(tx, str(session["openid"]), session.get("unionid"), now)

    async def _ask_for_carers(self) -> bool:
        now = self._clock()
        async with self._db.transaction() as tx:
            due = (
                await tx.scalars(
                    select(Carer)
                    .outerjoin(PushAddress, (PushAddress.channel == KF) & (PushAddress.carer_id == Carer.id))
                    .where(Carer.external_userid.is_not(None), PushAddress.unionid.is_(None))
                    .where(or_(PushAddress.asked_at.is_(None), PushAddress.asked_at < now - ASK_AGAIN))
                    .order_by(Carer.id)
                    .limit(CARERS_AT_ONCE)
                )
            ).all()
        if not due:
            return False
        try:
            reply = await customer_batchget(self._client, [str(carer.external_userid) for carer in due])
        except WecomError as err:
            log.warning("carers cannot be asked for", code=err.code, errcode=err.errcode)
            return False
        unionids = {customer.external_userid: customer.unionid for customer in reply.customer_list}
        async with self._db.transaction() as tx:
            for carer in due:
                await know_carer(tx, carer, unionids.get(str(carer.external_userid)), now)
        return len(due) == CARERS_AT_ONCE

    async def _ask_for_followers(self) -> bool:
        if self._ports.unionid is None:
            return False
        now = self._clock()
        async with self._db.transaction() as tx:
            due = (
                await tx.scalars(
                    select(PushAddress.address)
                    .where(PushAddress.channel == "official_account", PushAddress.unionid.is_(None), PushAddress.until.is_(None))
                    .where(or_(PushAddress.asked_at.is_(None), PushAddress.asked_at < now - ASK_AGAIN))
                    .ext(distinct_on(PushAddress.address_blind))
                    .limit(FOLLOWERS_AT_ONCE)
                )
            ).all()
        for openid in due:
            try:
                unionid = await self._ports.unionid(openid)
            except PushRefused as refused:
                if not refused.permanent or refused.code in ("bad_secret", "not_granted"):
                    log.warning("followers cannot be asked for", code=refused.code, errcode=refused.errcode)
                    return False
                unionid = None
            async with self._db.transaction() as tx:
                await know_unionid(tx, "official_account", openid, unionid, now)
        return len(due) == FOLLOWERS_AT_ONCE
