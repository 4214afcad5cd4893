"""What the family's pages work with, and who is looking at them."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from aiohttp import web

from integrations.wecom.limits import TokenBucket
from integrations.weixin.login import login_bucket
from records.database import Database
from records.patient import Carer, Patient

BASE = "/h5"


class WeixinSignIn(Protocol):
    """What WeChat's official account and mini program know of who opens a page, as the composition root joins them to their clients."""

    @property
    def official_account(self) -> bool:
        """Whether an official account can be asked."""
        ...

    @property
    def mini_program(self) -> bool:
        """Whether a mini program can be asked."""
        ...

    def address(self, redirect_uri: str, state: str) -> str:
        """Where WeChat's browser goes to come back to `redirect_uri` with a code."""
        ...

    async def openid(self, code: str) -> str | None:
        """Whose code of the official account it is; None for one that is wrong, used or expired. Raises when WeChat cannot be asked."""
        ...

    async def login(self, code: str) -> Mapping[str, Any] | None:
        """`openid`, and `unionid` where there is one, behind a code of the mini program; None and raises as `openid`."""
        ...


@dataclass(frozen=True)
class FamilyDesk:
    """The parts that pages use. `origin` is where phones find us (https://…)."""

    db: Database
    clock: Callable[[], datetime]
    zone: ZoneInfo
    hospital: str
    emergency_phone: str
    origin: str
    weixin: WeixinSignIn | None = None
    logins: TokenBucket = field(default_factory=login_bucket)

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https."""
        return self.origin.startswith("https")


@dataclass(frozen=True)
class Visitor:
    """The carer of a request, and the living children whom he speaks for, the youngest first."""

    carer: Carer
    children: tuple[Patient, ...]
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """What proves that a form of ours sent a request: bound to the session, and useless to whoever reads it in a page."""
        return hmac.new(self.token.encode(), b"csrf", hashlib.sha256).hexdigest()


FAMILY = web.AppKey("family", FamilyDesk)
VISITOR = web.RequestKey("visitor", Visitor)
