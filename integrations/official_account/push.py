"""Pushes by the official account: template messages to followers, subscription notices to whoever agreed (wecom-api §8)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from integrations.push import PushFields, PushRefused, PushResult, check_link
from integrations.weixin.client import WeixinClient
from integrations.weixin.template import Template, Writer, check_openid, known


class OfficialAccountPush:
    """A PushPort. The link opens in WeChat when the message is tapped."""

    def __init__(self, client: WeixinClient, templates: Mapping[str, Template], writer: Writer) -> None:
        self._client, self._templates, self._writer = client, templates, writer

    def consent_template(self, template: str) -> str | None:
        """See PushPort."""
        found = known(self._templates, template)
        return None if found.kind == "template" else found.id

    async def push(self, address: str, template: str, fields: PushFields, link: str, key: str) -> PushResult:
        """See PushPort. A template message carries ``key`` as ``client_msg_id``: the platform sends one of equal ones within 10 minutes.
        A subscription notice has no such thing, so one whose answer is lost is ``unknown_outcome``."""
        found = known(self._templates, template)
        body: dict[str, Any] = {
            "touser": check_openid(address),
            "template_id": found.id,
            "data": self._writer.data(found, fields),
        }
        if found.kind == "template":
            body |= {"url": check_link(link), "client_msg_id": client_msg_id(key)}
            path = "cgi-bin/message/template/send"
        else:
            body["page"] = check_link(link)
            path = "cgi-bin/message/subscribe/bizsend"
        try:
            reply = await self._client.post(path, body, repeatable=found.kind == "template")
        except PushRefused as refused:
            if refused.code == "repeated":
                return PushResult("", repeated=True)
            raise
        return PushResult(str(reply.get("msgid", "")))

    async def unionid(self, openid: str) -> str | None:
        """The follower's unionid; None when there is none (not a follower, or no open platform bound). Raises PushRefused."""
        reply = await self._client.get("cgi-bin/user/info", openid=check_openid(openid), lang="zh_CN")
        found = reply.get("unionid")
        return found if isinstance(found, str) and found else None


def client_msg_id(key: str) -> str:
    """The platform's name for our key: 32 hex digits, since keys may be longer than it takes."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
