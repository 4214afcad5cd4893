"""Tickets and signatures for pages opened inside WeCom (doc:90506)."""

import hashlib
from datetime import datetime

from integrations.wecom.client import WecomClient
from integrations.wecom.reply import Reply, read


class _Ticket(Reply):
    ticket: str
    expires_in: int


async def corp_ticket(client: WecomClient, now: datetime) -> str:
    """The corp's JS ticket, kept in the token store: WeCom gives 400 an hour."""
    return await _ticket(client, "get_jsapi_ticket", {}, now)


async def agent_ticket(client: WecomClient, now: datetime) -> str:
    """The app's JS ticket for ``agentConfig``, kept in the token store: WeCom gives 100 an hour."""
    return await _ticket(client, "ticket/get", {"type": "agent_config"}, now)


def sign(ticket: str, noncestr: str, timestamp: str, url: str) -> str:
    """The signature (SHA-1, hex) of a page's ``url``; its ``#`` part does not count."""
    text = f"jsapi_ticket={ticket}&noncestr={noncestr}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # the platform's choice of hash


async def _ticket(client: WecomClient, path: str, params: dict[str, str], now: datetime) -> str:
    async def fetch() -> tuple[str, int]:
        reply = read(_Ticket, await client.get(path, **params))
        return reply.ticket, reply.expires_in

    key = client.ticket_key(path)
    return await client.tokens.get(key, now) or await client.tokens.refresh(key, None, fetch, now)
