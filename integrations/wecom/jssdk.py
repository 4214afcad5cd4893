"""Tickets and signatures for pages opened inside WeCom (doc:90506)."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integrations.wecom.client import WecomClient
from integrations.wecom.reply import Reply, read

# WeCom's own host (doc:96947); it is loaded from there because it speaks with the client, which changes.
SCRIPT = "https://wwcdn.weixin.qq.com/node/open/js/wecom-jssdk-2.3.4.js"


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


async def page_config(client: WecomClient, corp_id: str, url: str, apis: Sequence[str], *, now: datetime, noncestr: str) -> dict[str, Any]:
    """What the page at ``url`` hands to ``wx.config``; ``noncestr`` is fresh for each page. Raises WecomError."""
    signed = _signed(await corp_ticket(client, now), url, apis, now, noncestr)
    return {"beta": True, "appId": corp_id, **signed}


async def agent_config(
    client: WecomClient, corp_id: str, agent_id: int, url: str, apis: Sequence[str], *, now: datetime, noncestr: str
) -> dict[str, Any]:
    """What the page at ``url`` hands to ``wx.agentConfig``, needed beside a chat (sidebar). Otherwise as ``page_config``."""
    signed = _signed(await agent_ticket(client, now), url, apis, now, noncestr)
    return {"corpid": corp_id, "agentid": str(agent_id), **signed}


def _signed(ticket: str, url: str, apis: Sequence[str], now: datetime, noncestr: str) -> dict[str, Any]:
    seconds = int(now.timestamp())
    return {"timestamp": seconds, "nonceStr": noncestr, "signature": sign(ticket, noncestr, str(seconds), url), "jsApiList": list(apis)}


async def _ticket(client: WecomClient, path: str, params: dict[str, str], now: datetime) -> str:
    async def fetch() -> tuple[str, int]:
        reply = read(_Ticket, await client.get(path, **params))
        return reply.ticket, reply.expires_in

    key = client.ticket_key(path)
    return await client.tokens.get(key, now) or await client.tokens.refresh(key, None, fetch, now)
