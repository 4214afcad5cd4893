"""Families in WeChat: the address that says who opens a page, and whose openid a code stands for (wecom-api §7.4).

Only a verified 服务号 may do this. Nobody is asked (``snsapi_base``), and the unionid is not told; ``OfficialAccountPush.unionid`` knows it
of followers.
"""

from integrations.authorize import WEIXIN_AUTHORIZE, authorize_address, is_code
from integrations.weixin.client import WeixinClient
from integrations.weixin.errors import WeixinError
from integrations.weixin.template import check_openid


def address(appid: str, redirect_uri: str, state: str, *, authorize_page: str = WEIXIN_AUTHORIZE) -> str:
    """For a browser inside WeChat: it comes back to ``redirect_uri`` with ``code`` and ``state``.

    The host of ``redirect_uri`` must be set as 网页授权域名 of the account. The caller remembers ``state`` (1..128 letters and digits) and
    refuses another one. Raises ValueError for a wrong argument.
    """
    return authorize_address(authorize_page, appid, redirect_uri, state)


async def openid_of(client: WeixinClient, code: str) -> str:
    """The openid, at this account, of whoever came back with ``code``, which works once, for 5 minutes.

    Raises WeixinError; permanent ``login_code``: used, expired or made up, so send the browser round again.
    """
    if not is_code(code):
        raise WeixinError("login_code", permanent=True, detail="not a code")
    return check_openid((await client.web_login(code))["openid"])
