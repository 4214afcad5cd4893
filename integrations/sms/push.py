"""Pushes by text message: a registered text with a title, a time and a link."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from integrations.push import PushFields, PushRefused, PushResult, check_link, title_text
from integrations.sms.number import mobile
from integrations.sms.port import SmsProvider, Text

Source = Literal["title", "at", "link", "hospital"]


@dataclass(frozen=True)
class SmsTemplate:
    """A text as registered with the provider: its id, and what stands in each variable."""

    id: str
    variables: Mapping[str, Source]


class SmsPush:
    """A PushPort. ``sign`` is the registered signature (短信签名); ``longest_link`` what the provider takes in a variable."""

    def __init__(
        self,
        provider: SmsProvider,
        templates: Mapping[str, SmsTemplate],
        *,
        sign: str,
        hospital: str,
        zone: ZoneInfo,
        longest_link: int,
    ) -> None:
        self._provider, self._templates, self._sign = provider, templates, sign
        self._hospital, self._zone, self._longest_link = hospital, zone, longest_link

    def consent_template(self, template: str) -> str | None:
        """See PushPort: a number is enough."""
        self._known(template)
        return None

    async def push(self, address: str, template: str, fields: PushFields, link: str, key: str) -> PushResult:
        """See PushPort. ``key`` goes with the text, and the provider sends one of equal ones."""
        found = self._known(template)
        link = check_link(link, longest=self._longest_link)
        variables = {name: self._value(source, fields, link) for name, source in found.variables.items()}
        accepted = await self._provider.send(Text(mobile(address), self._sign, found.id, variables), key)
        return PushResult(accepted.message_id, accepted.repeated)

    def _known(self, template: str) -> SmsTemplate:
        try:
            return self._templates[template]
        except KeyError:
            raise PushRefused("bad_template", permanent=True, detail=f"no template {template[:40]!r} is configured") from None

    def _value(self, source: Source, fields: PushFields, link: str) -> str:
        match source:
            case "title":
                return title_text(fields.title)
            case "at":
                local = fields.at.astimezone(self._zone)
                return f"{local.month}月{local.day}日 {local:%H:%M}"
            case "link":
                return link
            case "hospital":
                return self._hospital
