"""The channels that reach a family outside the chat's window, as one door."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.push import Channel, PushFields, PushPort, PushRefused, PushResult


@dataclass(frozen=True)
class PushPorts:
    """The channels of this installation; a channel that is not configured is not in `ports`.

    `unionid` asks the official account whose follower an openid is (None: it does not say); `login` asks the mini program who a login
    code is (`openid`, `unionid`). Both raise PushRefused; None without the account.
    """

    ports: Mapping[Channel, PushPort] = field(default_factory=dict)
    unionid: Callable[[str], Awaitable[str | None]] | None = None
    login: Callable[[str], Awaitable[Mapping[str, Any]]] | None = None

    @property
    def channels(self) -> frozenset[Channel]:
        """What is configured."""
        return frozenset(self.ports)

    async def push(self, channel: Channel, address: str, template: str, fields: PushFields, link: str, key: str) -> PushResult:
        """Send one push: `address` an openid or a mobile number, `template` our name of a registered template (`task` …), `key` the
        outbox's. Raises PushRefused; `not_configured` for a channel that is not there."""
        return await self._port(channel).push(address, template, fields, link, key)

    def consent_template(self, channel: Channel, template: str) -> str | None:
        """The platform's template id that the family must have agreed to; None when following, or a number, is enough.

        Raises PushRefused `not_configured`, `bad_template`.
        """
        return self._port(channel).consent_template(template)

    def _port(self, channel: Channel) -> PushPort:
        try:
            return self.ports[channel]
        except KeyError:
            raise PushRefused("not_configured", permanent=True, detail=channel) from None
