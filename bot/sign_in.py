"""Staff sign in to the console by WeCom: the console's port, on the client that everything else uses."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.oauth import SignIn, userid_of

log = structlog.get_logger(__name__)

# What WeCom says of a person, not of itself.
NOT_STAFF = frozenset({"login_code", "not_a_member", "outside_range"})


class WecomStaffSignIn:
    """A WecomSignIn (console/sign_in_wecom.py) on `pages`; `client` opens a client for one question."""

    def __init__(self, pages: SignIn, client: Callable[[], AbstractAsyncContextManager[WecomClient]]) -> None:
        self._pages, self._client = pages, client

    def address(self, *, redirect_uri: str, state: str, inside: bool) -> str:
        """Where the browser goes: the silent page inside WeCom's client, the QR page elsewhere."""
        return self._pages.address(redirect_uri, state) if inside else self._pages.qr_address(redirect_uri, state)

    async def userid(self, code: str) -> str | None:
        """The member whose code it is; None for a code that is wrong or used, or of somebody who is not staff. Raises WecomError."""
        async with self._client() as client:
            try:
                return await userid_of(client, code)
            except WecomError as err:
                if err.code not in NOT_STAFF:
                    raise
                log.warning("wecom sign-in refused", code=err.code)
                return None
