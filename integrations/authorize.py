"""Where a browser is sent so that WeCom or WeChat says who sits in front of it: both platforms write that address the same way."""

import re
from urllib.parse import urlencode

WEIXIN_AUTHORIZE = "https://open.weixin.qq.com/connect/oauth2/authorize"
_STATE = re.compile(r"[0-9A-Za-z]{1,128}")
_CODE = re.compile(r"[!-~]{1,512}")


def authorize_address(page: str, appid: str, redirect_uri: str, state: str, *, agentid: int | None = None) -> str:
    """The silent authorize page (``snsapi_base``). Raises ValueError as ``check_state`` and ``check_redirect`` do."""
    # In this order: WeChat compares the address with a pattern and refuses the same parameters in another one.
    query = {
        "appid": appid,
        "redirect_uri": check_redirect(redirect_uri),
        "response_type": "code",
        "scope": "snsapi_base",
        "state": check_state(state),
    }
    if agentid is not None:
        query["agentid"] = str(agentid)
    return f"{page}?{urlencode(query)}#wechat_redirect"


def check_state(state: str) -> str:
    """``state`` if it is 1..128 letters and digits, all that comes back whole from every page; else ValueError."""
    if not _STATE.fullmatch(state):
        raise ValueError("state must be 1..128 letters and digits")
    return state


def check_redirect(redirect_uri: str) -> str:
    """``redirect_uri`` if it is a whole http or https address; else ValueError."""
    if not redirect_uri.startswith(("http://", "https://")):
        raise ValueError("redirect_uri needs http:// or https://")
    return redirect_uri


def is_code(code: str) -> bool:
    """Whether this can be a login code at all; what a browser brings is anybody's writing."""
    return _CODE.fullmatch(code) is not None


def in_wecom(user_agent: str) -> bool:
    """Whether a page was opened inside the WeCom client, where the silent page works."""
    return "wxwork/" in user_agent.lower()


def in_weixin(user_agent: str) -> bool:
    """Whether a page was opened inside WeChat itself (WeCom's browser calls itself by both names)."""
    return "micromessenger/" in user_agent.lower() and not in_wecom(user_agent)
