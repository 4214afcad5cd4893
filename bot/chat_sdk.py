"""Signatures for pages beside a WeCom chat: the console's port, on the client that everything else uses."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.wecom.client import WecomClient
from integrations.wecom.jssdk import agent_config, page_config

# What the pages call (doc:96949, 96918).
APIS = ("getContext", "getCurExternalContact", "sendChatMessage")
_SIGNATURE = ("timestamp", "nonceStr", "signature")


@dataclass(frozen=True)
class WecomChatSdk:
    """A ChatSdk (console/chat_sdk.py); `client` opens a client for one question."""

    script: str
    corp_id: str
    agent_id: int
    client: Callable[[], AbstractAsyncContextManager[WecomClient]]
    clock: Callable[[], datetime]

    async def signed(self, url: str, nonce: str) -> dict[str, Any]:
        """See ChatSdk. Raises WecomError."""
        now = self.clock()
        async with self.client() as client:
            page = await page_config(client, self.corp_id, url, APIS, now=now, noncestr=nonce)
            agent = await agent_config(client, self.corp_id, self.agent_id, url, APIS, now=now, noncestr=nonce)
        return {
            "corpId": self.corp_id,
            "agentId": self.agent_id,
            "jsApiList": list(APIS),
            "config": {name: page[name] for name in _SIGNATURE},
            "agentConfig": {name: agent[name] for name in _SIGNATURE},
        }
