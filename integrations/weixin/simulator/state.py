"""Everything the simulated platform remembers."""

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Person:
    """A WeChat user."""

    unionid: str
    name: str


@dataclass
class Token:
    """An access token of an account; `until` in seconds since the epoch."""

    appid: str
    until: float
    stable: bool


@dataclass
class Consent:
    """What a person agreed to: `left` more messages, or for good (`left` None). `asked` counts the dialogues."""

    left: int | None = 0
    asked: int = 0


@dataclass
class Sent:
    """A push that the platform took. `status` is what its report says; `body` is what was asked for."""

    msgid: int
    appid: str
    path: str
    openid: str
    template_id: str
    at: float
    body: dict[str, Any]
    status: str


@dataclass
class WebCode:
    """What an authorize page handed out: good once, for five minutes."""

    appid: str
    unionid: str
    scope: str
    at: float
    used: bool = False


@dataclass
class World:
    """People, who follows, who agreed, what was sent."""

    people: dict[str, Person] = field(default_factory=dict)
    followers: dict[str, float] = field(default_factory=dict)
    blocking: list[str] = field(default_factory=list)
    consents: dict[str, Consent] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    forced: dict[str, list[float]] = field(default_factory=dict)
    codes: dict[str, list[Any]] = field(default_factory=dict)
    web_codes: dict[str, WebCode] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    client_msg_ids: dict[str, list[float]] = field(default_factory=dict)
    day_counts: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    clock_offset: float = 0.0
    serial: int = 0
    switches: dict[str, Any] = field(default_factory=dict)


def openid_of(appid: str, unionid: str) -> str:
    """A person's openid at an account: 28 characters, the same for ever, different at every account."""
    return "o" + hashlib.sha256(f"{appid}\0{unionid}".encode()).hexdigest()[:27]
