"""A push: a few harmless words that reopen the chat, by a channel that needs no open window. What every channel agrees on.

Nothing clinical can be in one: the port takes the name of a registered template, the name of a title from a fixed list, a moment and
a link. There is no field for free text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import yaml

Channel = Literal["official_account", "mini_program", "sms"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
# The addresses that WeChat gives a page are at most this long.
MAX_LINK = 1024
# A link that names no one: the scheme, a host, and printable ASCII without quotes and brackets.
_LINK = re.compile(r"https://[0-9A-Za-z.-]+(?::\d{1,5})?(?:[/?#][!#$%&()*+,\-./0-9:;=?@A-Z_a-z~\[\]]*)?")


class PushRefused(Exception):
    """A push was not taken.

    ``code``        bad_title, bad_link, bad_address, bad_template, bad_field, not_subscribed, opted_out, content_refused, over_quota,
                    rate_limited, busy, unreachable, unknown_outcome, garbage_reply, bad_secret, not_granted, not_configured,
                    unknown_errcode.
    ``permanent``   True when the same push cannot succeed later without a change. ``unknown_outcome`` is not permanent, but it may have
                    reached the family: repeat it only under the same key, and not at all where the channel has no identity for it.
    ``errcode``     the platform's number, if it gave one.
    ``retry_after`` seconds to leave the channel alone (over_quota, rate_limited).
    ``detail``      which field or rule, for the log: never an address, a token or a link.
    """

    def __init__(
        self, code: str, *, permanent: bool, errcode: int | None = None, retry_after: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(code, errcode, detail)
        self.code, self.permanent, self.errcode, self.retry_after, self.detail = code, permanent, errcode, retry_after, detail

    def __str__(self) -> str:
        number = "" if self.errcode is None else f" {self.errcode}"
        return f"{self.code}{number}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class PushFields:
    """All that a push can say. ``title`` is a name of ``titles()``; ``at`` is the moment that it is about, aware."""

    title: str
    at: datetime


@dataclass(frozen=True)
class PushResult:
    """The platform took it. ``message_id`` comes back in the delivery receipt; ``repeated``: it had taken this key before."""

    message_id: str
    repeated: bool = False


@dataclass(frozen=True)
class PushReceipt:
    """What became of a push, as the platform reports it later.

    ``message_id`` is that of the PushResult, or empty where the platform did not say (then only ``address`` and ``at`` tell).
    ``code`` is None for a delivered one; otherwise user_blocked, bad_address or system_failed. ``key`` is the outbox's, where it is known.
    """

    channel: Channel
    message_id: str
    address: str
    delivered: bool
    code: str | None
    at: datetime
    key: str | None = None


class PushPort(Protocol):
    """One channel."""

    async def push(self, address: str, template: str, fields: PushFields, link: str, key: str) -> PushResult:
        """Send one push. ``address`` is an openid or a mobile number, ``template`` our name of a registered template, ``key`` the
        outbox's: the same key never tells a family twice where the channel can prevent it. Raises PushRefused."""
        ...

    def consent_template(self, template: str) -> str | None:
        """The platform's template id that the family must have agreed to, or None when following (or a number) is enough.
        Raises PushRefused ``bad_template``."""
        ...


@cache
def _words() -> Mapping[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("push.yml").read_text("utf-8"))
    return loaded


def titles() -> Mapping[str, str]:
    """The titles that a push may have: name → what the family reads, at most 20 characters."""
    found: Mapping[str, str] = _words()["titles"]
    return found


def title_text(name: str) -> str:
    """What the family reads. Raises PushRefused ``bad_title``."""
    try:
        return titles()[name]
    except KeyError:
        raise PushRefused("bad_title", permanent=True, detail=f"{name[:40]!r} is not one of {', '.join(titles())}") from None


def fixed_words(name: str) -> str:
    """The fixed words ``state`` or ``note``, for the other keywords that a registered template asks for."""
    return str(_words()[name])


def check_link(link: str, *, longest: int = MAX_LINK) -> str:
    """``link``, if it is a plain https address of at most ``longest`` characters, without words. Raises PushRefused ``bad_link``."""
    if len(link) > longest:
        raise PushRefused("bad_link", permanent=True, detail=f"{len(link)} characters, at most {longest}")
    if not _LINK.fullmatch(link):
        raise PushRefused("bad_link", permanent=True, detail="not a plain https address")
    return link
