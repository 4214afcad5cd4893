"""What every page of the console works with, and who sits at it."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web

from console.chat_sdk import ChatSdk
from console.installation import Installation
from console.sign_in_wecom import WecomSignIn
from plans.reach.route import Channels
from records.database import Database
from records.role import Rights
from records.staff import Staff

BASE = "/console"


@dataclass(frozen=True)
class Desk:
    """The parts that pages use. `secure` tells whether browsers reach us by https; `wecom` is None where staff cannot sign in by WeCom.

    `channels` are the ways to a family outside the chat; `media` is where the files that families sent are kept; `pages` is where
    families can open our pages, empty where they cannot; `demo` that all families here are made up. `chat_sdk` is None where pages
    cannot stand beside a WeCom chat.
    """

    db: Database
    clock: Callable[[], datetime]
    zone: ZoneInfo
    hospital: str
    secure: bool
    wecom: WecomSignIn | None = None
    channels: Channels = field(default_factory=Channels)
    installation: Installation | None = None
    media: Path | None = None
    pages: str = ""
    demo: bool = False
    chat_sdk: ChatSdk | None = None


@dataclass(frozen=True)
class Seat:
    """The signed-in staff member of a request. `teams` are those he belongs to (id and name), whose patients he may see."""

    staff: Staff
    rights: Rights
    token: str = field(repr=False)
    teams: dict[int, str] = field(default_factory=dict)

    @property
    def csrf(self) -> str:
        """What proves that a form or a script of ours sent a request: bound to the session, and useless to whoever reads it in a page."""
        return hmac.new(self.token.encode(), b"csrf", hashlib.sha256).hexdigest()


DESK = web.AppKey("desk", Desk)
SEAT = web.RequestKey("seat", Seat)
