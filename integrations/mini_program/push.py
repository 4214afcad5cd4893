"""Subscription messages of the mini program (wecom-api §8): one message for one agreement, or any number for a long-term one."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from integrations.push import PushFields, PushResult, check_link
from integrations.weixin.client import WeixinClient
from integrations.weixin.template import Template, Writer, check_openid, known

State = Literal["formal", "trial", "developer"]


class MiniProgramPush:
    """A PushPort. ``page`` is the mini program's page that opens the chat; ``{link}`` in it stands for the link, quoted."""

    def __init__(
        self,
        client: WeixinClient,
        templates: Mapping[str, Template],
        writer: Writer,
        *,
        page: str,
        state: State = "formal",
        lang: str = "zh_CN",
    ) -> None:
        self._client, self._templates, self._writer = client, templates, writer
        self._page, self._state, self._lang = page, state, lang

    def consent_template(self, template: str) -> str | None:
        """See PushPort."""
        return known(self._templates, template).id

    async def push(self, address: str, template: str, fields: PushFields, link: str, key: str) -> PushResult:
        """See PushPort. The platform has no identity for these: one whose answer is lost is ``unknown_outcome``, and a repeat may
        arrive a second time."""
        found = known(self._templates, template)
        body = {
            "touser": check_openid(address),
            "template_id": found.id,
            "page": self._page.replace("{link}", quote(check_link(link), safe="")),
            "miniprogram_state": self._state,
            "lang": self._lang,
            "data": self._writer.data(found, fields),
        }
        reply = await self._client.post("cgi-bin/message/subscribe/send", body, repeatable=False)
        return PushResult(str(reply.get("msgid", "")))
