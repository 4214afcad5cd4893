"""Who in WeCom has which family as a friend: asked for once in a while, and kept up to date by WeCom's events in between."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from integrations.wecom import external_contact
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from records.database import Database
from records.friendship import befriend, keep_only, part_ways
from records.patient import Carer

log = structlog.get_logger(__name__)

# wecom-api §5.1: customers of at most 100 members, 100 a page.
MEMBERS = 100


async def friend_event(tx: AsyncSession, fields: Mapping[str, Any], now: datetime) -> None:
    """WeCom says that a member and a customer have become friends, or are none any more (wecom-api §5.3)."""
    customer, member = fields.get("ExternalUserID"), fields.get("UserID")
    if not customer or not member:
        return
    if fields.get("ChangeType") == "add_external_contact":
        await befriend(tx, [(str(customer), str(member))], now)
    elif fields.get("ChangeType") in ("del_external_contact", "del_follow_user"):
        await part_ways(tx, str(customer), str(member), now)


async def keep_friends(db: Database, client: WecomClient, clock: Callable[[], datetime]) -> int:
    """Ask WeCom for all friendships of its members with families that we know; how many there are. An app without the right has none."""
    try:
        members = await external_contact.get_follow_user_list(client)
    except WecomError as err:
        log.info("friends cannot be listed", code=err.code, errcode=err.errcode)
        return 0
    count = 0
    for start in range(0, len(members), MEMBERS):
        some = members[start : start + MEMBERS]
        found: set[tuple[str, str]] = set()
        cursor, more = "", True
        while more:
            page = await external_contact.batch_get_by_user(client, some, cursor=cursor)
            found |= {(each.external_contact.external_userid, each.follow_info.userid) for each in page.external_contact_list}
            cursor, more = page.next_cursor, bool(page.next_cursor)
        async with db.transaction() as tx:
            ours = set(
                await tx.scalars(select(Carer.external_userid).where(Carer.external_userid.in_({customer for customer, _ in found})))
            )
            pairs = sorted(pair for pair in found if pair[0] in ours)
            await befriend(tx, pairs, clock())
            await keep_only(tx, some, pairs, clock())
        count += len(pairs)
    return count
