"""What the service wants of an SMS provider; whoever brings another one writes a class with this one method."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Text:
    """A text to send: ``sign`` (短信签名) and ``template`` are registered with the provider, ``variables`` fill the template."""

    phone: str
    sign: str
    template: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Accepted:
    """The provider took it; ``repeated`` when it had taken this key before."""

    message_id: str
    repeated: bool = False


class SmsProvider(Protocol):
    """Sends texts."""

    async def send(self, text: Text, key: str) -> Accepted:
        """Hand ``text`` over; the same ``key`` is never sent twice. Raises PushRefused."""
        ...
