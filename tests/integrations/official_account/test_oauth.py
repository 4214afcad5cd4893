"""A mother opens a link in WeChat: from the address to her openid at the hospital's official account."""

import html
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.authorize import in_weixin
from integrations.official_account.oauth import address, openid_of
from integrations.weixin.client import WeixinClient
from integrations.weixin.errors import WeixinError
from integrations.weixin.simulator import SimulatorConfig
from tests.integrations.weixin.conftest import config as weixin_config
from tests.integrations.weixin.conftest import connect, hospital, platform
from tests.integrations.weixin.platform import Platform

__all__ = ["connect", "hospital", "platform", "weixin_config"]
Connect = Callable[..., WeixinClient]
PAGE = "https://family.example/today?child=2"


@pytest.fixture
def config(weixin_config: SimulatorConfig) -> SimulatorConfig:
    weixin_config.apps[0].trusted_domains = ["family.example"]
    return weixin_config


def there(platform: Platform, redirect_uri: str = PAGE, state: str = "S7ate") -> str:
    return address(platform.app().appid, redirect_uri, state, authorize_page=platform.url + "/connect/oauth2/authorize")


async def opened(platform: Platform, url: str) -> tuple[str, str]:
    async with platform.http.get(url.partition("#")[0], allow_redirects=False) as reply:
        assert reply.status in (200, 302)
        return await reply.text(), reply.headers.get("Location", "")


async def code_for(platform: Platform, url: str) -> str:
    """The mother opens the link: she is picked on the page, and comes back with a code."""
    page, _ = await opened(platform, url)
    link = re.search(r'<a href="([^"]+)">赵女士', page)
    assert link, page
    _, back = await opened(platform, url.partition("?")[0] + html.unescape(link[1]))
    answer = parse_qs(urlsplit(back).query)
    assert back.startswith(PAGE) and answer["child"] == ["2"] and answer["state"] == ["S7ate"]
    return answer["code"][0]


async def code_of(client: WeixinClient, code: str) -> tuple[str, bool]:
    with pytest.raises(WeixinError) as refused:
        await openid_of(client, code)
    return refused.value.code, refused.value.permanent


async def refusal(platform: Platform, url: str) -> int:
    page, location = await opened(platform, url)
    assert location == ""
    return int(re.search(r"错误码：(\d+)", page)[1])  # type: ignore[index]


async def test_her_openid_is_known_once_for_a_code(platform: Platform, connect: Connect) -> None:
    client, code = connect(), await code_for(platform, there(platform))
    assert await openid_of(client, code) == await platform.openid()
    assert await code_of(client, code) == ("login_code", True)
    assert ("sns/oauth2/access_token", 40163) in await platform.rejected()


async def test_a_late_code_and_a_made_up_one(platform: Platform, connect: Connect) -> None:
    client, code = connect(), await code_for(platform, there(platform))
    await platform.control("clock", advance=301)
    assert await code_of(client, code) == ("login_code", True)
    for made_up in ("", "nonsense", "x" * 600, "两"):
        assert await code_of(client, made_up) == ("login_code", True)
    assert set(await platform.rejected()) == {("sns/oauth2/access_token", 42003), ("sns/oauth2/access_token", 40029)}


async def test_a_code_of_one_account_says_nothing_to_another(platform: Platform, connect: Connect) -> None:
    assert await code_of(connect("mini_program"), await code_for(platform, there(platform))) == ("login_code", True)


async def test_a_wrong_secret_is_told_apart(platform: Platform, connect: Connect) -> None:
    assert await code_of(connect(secret="wrong"), await code_for(platform, there(platform))) == ("bad_secret", True)


async def test_a_telephone_that_is_known_goes_straight_on(platform: Platform, connect: Connect) -> None:
    _, back = await opened(platform, there(platform).replace("#", f"&openid={await platform.openid()}#"))
    assert await openid_of(connect(), parse_qs(urlsplit(back).query)["code"][0]) == await platform.openid()


async def test_the_unionid_only_with_consent(platform: Platform, connect: Connect) -> None:
    client = connect()
    assert "unionid" not in await client.web_login(await code_for(platform, there(platform)))
    assert (await client.web_login(await code_for(platform, there(platform).replace("snsapi_base", "snsapi_userinfo"))))[
        "unionid"
    ] == "u-zhao"


@pytest.mark.parametrize(
    ("old", "new", "errcode"),
    [
        ("family.example", "evil.example", 10003),
        ("family.example", "family.example%40evil.example", 10003),
        ("appid=wxsimulatedaccount", "appid=", 10012),
        ("appid=wxsimulatedaccount", "appid=wxother", 40013),
        ("appid=wxsimulatedaccount", "appid=wxsimulatedprogram", 10016),
        ("redirect_uri=", "redirect=", 10011),
        ("scope=snsapi_base", "scope=", 10010),
        ("scope=snsapi_base", "scope=snsapi_login", 10005),
        ("state=S7ate", "state=S7ate&openid=nobody", 40003),
    ],
)
async def test_wrong_addresses_are_refused_with_their_number(platform: Platform, old: str, new: str, errcode: int) -> None:
    url = there(platform)
    assert old in url
    assert await refusal(platform, url.replace(old, new)) == errcode


def test_the_address_as_wechat_documents_it() -> None:
    assert address("wx1", "https://a.example/in", "S1") == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&redirect_uri=https%3A%2F%2Fa.example%2Fin"
        "&response_type=code&scope=snsapi_base&state=S1#wechat_redirect"
    )


def test_which_browser_is_wechats() -> None:
    assert in_weixin("Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.49.2600 Language/zh_CN")
    assert not in_weixin("Mozilla/5.0 (iPhone) wxwork/4.1.22 MicroMessenger/7.0.1") and not in_weixin("Mozilla/5.0 Chrome/126")
