"""Who opens the family's pages, as the hospital's accounts at WeChat know it. A client is made when somebody first asks."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from bot.push_access import PushAccess, WeixinAccess, weixin_client
from integrations.authorize import WEIXIN_AUTHORIZE
from integrations.wecom.token import TokenStore

if TYPE_CHECKING:
    from integrations.weixin.client import WeixinClient

# WeChat's API and its authorize page are at different hosts; a simulator has both at one.
_PRODUCTION = "api.weixin.qq.com"
T = TypeVar("T")


class WeixinAccounts:
    """The official account and the mini program, those that are configured."""

    def __init__(self, access: PushAccess, tokens: TokenStore, clock: Callable[[], datetime]) -> None:
        self._access, self._tokens, self._clock = access, tokens, clock
        self._clients: dict[str, WeixinClient] = {}

    @property
    def official_account(self) -> bool:
        """Whether it is configured."""
        return self._access.official_account is not None

    @property
    def mini_program(self) -> bool:
        """Whether it is configured."""
        return self._access.mini_program is not None

    def address(self, redirect_uri: str, state: str) -> str:
        """Where WeChat's browser goes to come back with a code. Raises ValueError for a wrong argument."""
        from integrations.official_account.oauth import address

        account = self._access.official_account
        if account is None:
            raise ValueError("there is no official account")
        page = WEIXIN_AUTHORIZE if _PRODUCTION in account.base_url else f"{account.base_url}/connect/oauth2/authorize"
        return address(account.appid, redirect_uri, state, authorize_page=page)

    async def openid(self, code: str) -> str | None:
        """Whose code it is; None for one that is wrong, used or expired. Raises WeixinError when WeChat cannot be asked."""
        from integrations.official_account.oauth import openid_of

        return await _unless_wrong(openid_of(self._client("official_account", self._access.official_account), code))

    async def login(self, code: str) -> Mapping[str, Any] | None:
        """`openid` (and `unionid`) behind a code of the mini program; None and raises as `openid`."""
        return await _unless_wrong(self._client("mini_program", self._access.mini_program).login(code))

    def close(self) -> None:
        """Let go of the clients."""
        for client in self._clients.values():
            client.close()

    def _client(self, name: str, account: WeixinAccess | None) -> "WeixinClient":
        if account is None:
            raise ValueError(f"there is no {name}")
        if name not in self._clients:
            self._clients[name] = weixin_client(account, self._tokens, self._clock)
        return self._clients[name]


async def _unless_wrong(answer: Awaitable[T]) -> T | None:
    """What WeChat says to a code; None when it says that the code is wrong, used or expired."""
    from integrations.weixin.errors import WeixinError

    try:
        return await answer
    except WeixinError as err:
        if err.code != "login_code":
            raise
        return None
