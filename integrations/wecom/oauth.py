"""Members sign in with WeCom: the address to send a browser to, and who came back with a code (doc:91022, 91023, 98152)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from integrations.authorize import WEIXIN_AUTHORIZE, authorize_address, check_redirect, check_state, is_code
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.reply import Reply, read


@dataclass(frozen=True)
class SignIn:
    """The app that members sign in to, and WeCom's two pages; a simulator's pages may be given without a host."""

    corp_id: str
    agent_id: int
    authorize_page: str = WEIXIN_AUTHORIZE
    qr_page: str = "https://login.work.weixin.qq.com/wwlogin/sso/login"

    def address(self, redirect_uri: str, state: str) -> str:
        """For a browser inside the WeCom client: it comes back at once, nobody is asked.

        WeCom comes back to ``redirect_uri`` with ``code`` and ``state``. Its host (and port) must be a trusted domain of the app. The
        caller remembers ``state`` (1..128 letters and digits) and refuses another one. Raises ValueError for a wrong argument.
        """
        return authorize_address(self.authorize_page, self.corp_id, redirect_uri, state, agentid=self.agent_id)

    def qr_address(self, redirect_uri: str, state: str) -> str:
        """For any other browser: a QR code to scan with WeCom. Whoever refuses comes back with ``state`` and no ``code``.
        Otherwise as ``address``."""
        query = {"login_type": "CorpApp", "appid": self.corp_id, "agentid": str(self.agent_id)}
        return f"{self.qr_page}?{urlencode({**query, 'redirect_uri': check_redirect(redirect_uri), 'state': check_state(state)})}"


class _Visitor(Reply):
    userid: str = ""


async def userid_of(client: WecomClient, code: str) -> str:
    """The member who came back with ``code``, which works once, for 5 minutes.

    Raises WecomError, permanent: ``login_code`` (used, expired or made up: send the browser round again), ``not_a_member`` (somebody from
    outside the corp), ``outside_range`` (a member whom the app may not see: an administrator must widen its range).
    """
    if not is_code(code):
        raise WecomError("login_code", permanent=True, detail="not a code")
    userid = read(_Visitor, await client.get("auth/getuserinfo", code=code)).userid
    if not userid:
        raise WecomError("not_a_member", permanent=True, detail="auth/getuserinfo")
    return userid
