"""The service accounts that the app may manage, as WeCom lists them."""

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from bot.app import Core
from bot.links import know_contact_urls
from integrations.wecom import kf
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from records.staff import Team
from records.wecom import KfAccount

log = structlog.get_logger(__name__)


async def know_accounts(parts: Core, client: WecomClient) -> None:
    """Know every service account that the app may manage; a new one belongs to the first team until somebody says otherwise."""
    try:
        accounts = await kf.account_list(client)
    except WecomError as err:
        log.error("service accounts cannot be listed", code=err.code, errcode=err.errcode)
        return
    async with parts.db.transaction() as tx:
        team = await tx.scalar(select(Team.id).order_by(Team.id).limit(1))
        if team is None:
            return
        # In the order in which the gateway locks them.
        for account in sorted(accounts, key=lambda each: each.open_kfid):
            await tx.execute(
                insert(KfAccount)
                .values(open_kfid=account.open_kfid, name=account.name, team_id=team)
                .on_conflict_do_update(index_elements=["open_kfid"], set_={"name": account.name})
            )
    await know_contact_urls(parts.db, client)
