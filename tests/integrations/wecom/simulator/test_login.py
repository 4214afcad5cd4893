"""Sign-in with WeCom, from the address to the userid: our client and a browser against the simulated pages."""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.authorize import in_wecom
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.oauth import SignIn, userid_of
from integrations.wecom.simulator import AppConfig, SimulatorConfig
from integrations.wecom.token import MemoryTokenStore

CONSOLE = "https://console.example/sign-in?next=%2Fconsole#top"


@pytest.fixture
def config(config: SimulatorConfig) -> SimulatorConfig:
    config.apps[0].trusted_domains = ["console.example", "console.example:8443"]
    config.apps.append(
        AppConfig(secret="narrow-app", agentid=1000003, name="呼吸科随访", visible=["suyang"], trusted_domains=["narrow.example"])
    )
    return config


@pytest.fixture
def client(corp: Any) -> WecomClient:
    return client_of(corp, corp.app.secret)


def client_of(corp: Any, secret: str) -> WecomClient:
    async def no_sleep(seconds: float) -> None:
        """Retries need not wait in a test."""

    return WecomClient(corp.http, corp.url, corp.sim.config.corp_id, secret, MemoryTokenStore(), corp.clock.now, no_sleep)


@pytest.fixture
def sign_in(corp: Any) -> SignIn:
    pages = {"authorize_page": corp.url + "/connect/oauth2/authorize", "qr_page": corp.url + "/wwlogin/sso/login"}
    return SignIn(corp.sim.config.corp_id, corp.app.agentid, **pages)


async def opened(corp: Any, address: str) -> tuple[str, str]:
    """What a browser gets: the page's text and where it is sent (empty: nowhere)."""
    async with corp.http.get(address.partition("#")[0], allow_redirects=False) as reply:
        assert reply.status in (200, 302)
        assert "script" not in reply.headers["Content-Security-Policy"] and "unsafe" not in reply.headers["Content-Security-Policy"]
        return await reply.text(), reply.headers.get("Location", "")


async def chosen(corp: Any, address: str, choice: str) -> dict[str, str]:
    """The browser opens the page and follows the link with that text; what it comes back with."""
    page, location = await opened(corp, address)
    assert location == ""
    link = re.search(rf'<a href="([^"]+)">{choice}', page)
    assert link, page
    _, back = await opened(corp, address.partition("?")[0] + html.unescape(link[1]))
    parts = urlsplit(back)
    assert (parts.netloc, parts.path, parts.fragment) == ("console.example", "/sign-in", "top")
    answer = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert answer.pop("next") == "/console"
    return answer


async def refusal(corp: Any, address: str) -> int:
    page, location = await opened(corp, address)
    assert location == ""
    return int(re.search(r"错误码：(\d+)", page)[1])  # type: ignore[index]


async def code_of(call: Any) -> tuple[str, bool]:
    with pytest.raises(WecomError) as refused:
        await call
    return refused.value.code, refused.value.permanent


@pytest.mark.parametrize("way", ["address", "qr_address"])
async def test_lin_signs_in_and_her_code_works_once(corp: Any, client: WecomClient, sign_in: SignIn, way: str) -> None:
    answer = await chosen(corp, getattr(sign_in, way)(CONSOLE, "S7ate"), "林悦")
    assert answer["state"] == "S7ate"
    assert await userid_of(client, answer["code"]) == "linyue"
    assert await code_of(userid_of(client, answer["code"])) == ("login_code", True)


async def test_a_code_dies_after_five_minutes(corp: Any, client: WecomClient, sign_in: SignIn) -> None:
    answer = await chosen(corp, sign_in.address(CONSOLE, "a"), "秦岚")
    await corp.pass_time(301)
    assert await code_of(userid_of(client, answer["code"])) == ("login_code", True)


@pytest.mark.parametrize("made_up", ["", "nonsense", "x" * 513, "两", "a b", "a\r\nb"])
async def test_a_made_up_code_says_nothing(client: WecomClient, made_up: str) -> None:
    assert await code_of(userid_of(client, made_up)) == ("login_code", True)


async def test_an_outsider_is_not_a_member(corp: Any, client: WecomClient, sign_in: SignIn) -> None:
    answer = await chosen(corp, sign_in.qr_address(CONSOLE, "a"), "不是本院成员的人")
    assert await code_of(userid_of(client, answer["code"])) == ("not_a_member", True)


async def test_who_declines_comes_back_without_a_code(corp: Any, sign_in: SignIn) -> None:
    assert await chosen(corp, sign_in.qr_address(CONSOLE, "a"), "扫码后点“取消”") == {"state": "a"}


async def test_a_member_outside_the_range_and_a_code_of_another_app(corp: Any, client: WecomClient) -> None:
    narrow = SignIn(corp.sim.config.corp_id, 1000003, corp.url + "/connect/oauth2/authorize")
    address = narrow.address("https://narrow.example/in", "a").replace("#", "&userid=linyue#")
    codes = [parse_qs(urlsplit((await opened(corp, address))[1]).query)["code"][0] for _ in range(2)]
    assert await code_of(userid_of(client_of(corp, "narrow-app"), codes[0])) == ("outside_range", True)
    assert await code_of(userid_of(client, codes[1])) == ("login_code", True)


@pytest.mark.parametrize(
    "redirect",
    [
        "https://evil.example/sign-in",
        "https://console.example.evil.example/",
        "https://console.example@evil.example/",
        "https://evil.example\\@console.example/",
        "https://console.example:9000/",
        "https://evil.example/?x=console.example",
        "https://console.exam\nple/",
        "https://[console.example/",
    ],
)
async def test_nobody_is_sent_to_a_domain_that_is_not_trusted(corp: Any, sign_in: SignIn, redirect: str) -> None:
    for address in (sign_in.address(redirect, "a"), sign_in.qr_address(redirect, "a")):
        assert await refusal(corp, address.replace("state=a", "state=a&userid=linyue")) == 50001


async def test_trusted_domains_with_their_ports(corp: Any, sign_in: SignIn) -> None:
    for redirect in ("https://console.example:443/", "http://CONSOLE.example/", "https://console.example:8443/"):
        _, location = await opened(corp, sign_in.address(redirect, "a").replace("#", "&userid=linyue#"))
        assert location.startswith(redirect)


@pytest.mark.parametrize(
    ("old", "new", "errcode"),
    [
        ("appid=wwsimulatedcorp01", "appid=wwother", 40013),
        ("agentid=1000002", "agentid=77", 40056),
        ("response_type=code", "response_type=token", 40058),
        ("scope=snsapi_base", "scope=snsapi_everything", 40058),
        ("state=abc", "state=a-b", 40058),
        ("state=abc", "state=abc&userid=nobody", 60111),
    ],
)
async def test_wrong_addresses_are_refused_with_their_number(corp: Any, sign_in: SignIn, old: str, new: str, errcode: int) -> None:
    address = sign_in.address(CONSOLE, "abc")
    assert old in address
    assert await refusal(corp, address.replace(old, new)) == errcode


async def test_the_qr_code_needs_its_app(corp: Any, sign_in: SignIn) -> None:
    address = sign_in.qr_address(CONSOLE, "abc")
    assert await refusal(corp, address.replace("agentid=1000002&", "")) == 41011
    assert await refusal(corp, address.replace("CorpApp", "Other")) == 40058


async def test_the_older_qr_code_says_whose_app_it_was(corp: Any, client: WecomClient, sign_in: SignIn) -> None:
    answer = await chosen(corp, sign_in.qr_address(CONSOLE, "a").replace("wwlogin/sso/login", "wwopen/sso/qrConnect"), "何敏")
    assert answer["appid"] == corp.sim.config.corp_id
    assert await userid_of(client, answer["code"]) == "hemin"


async def test_a_name_is_text_and_who_never_logged_in_is_not_offered(corp: Any, sign_in: SignIn) -> None:
    await corp.control("POST", "members", {"userid": "li\"'><b>", "name": "<script>alert(1)</script>"})
    await corp.control("POST", "members", {"userid": "away", "name": "未激活者", "active": False})
    page, _ = await opened(corp, sign_in.address(CONSOLE, "a"))
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;" in page
    assert "未激活者" not in page and "随访中心" in page


async def test_without_trusted_domains_only_the_simulator_itself_is_trusted(corp: Any, sign_in: SignIn) -> None:
    corp.app.trusted_domains, corp.app.callback = None, None
    _, location = await opened(corp, sign_in.address(corp.url + "/console", "a").replace("#", "&userid=linyue#"))
    assert location.startswith(corp.url + "/console?code=")
    assert await refusal(corp, sign_in.address(CONSOLE, "a")) == 50001


def test_addresses_as_wecom_documents_them() -> None:
    app = SignIn("wwcorp", 1000002)
    assert app.address("https://a.example/in?x=1", "S1") == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wwcorp&redirect_uri=https%3A%2F%2Fa.example%2Fin%3Fx%3D1"
        "&response_type=code&scope=snsapi_base&state=S1&agentid=1000002#wechat_redirect"
    )
    assert app.qr_address("https://a.example/in", "S1") == (
        "https://login.work.weixin.qq.com/wwlogin/sso/login?login_type=CorpApp&appid=wwcorp&agentid=1000002"
        "&redirect_uri=https%3A%2F%2Fa.example%2Fin&state=S1"
    )
    for redirect, state in (("https://a.example", ""), ("https://a.example", "a_b"), ("https://a.example", "a" * 129), ("/console", "a")):
        for address in (app.address, app.qr_address):
            with pytest.raises(ValueError, match=r"state|redirect_uri"):
                address(redirect, state)


def test_which_browser_is_wecoms() -> None:
    assert in_wecom("Mozilla/5.0 (iPhone) AppleWebKit/605 Mobile wxwork/4.1.22 MicroMessenger/7.0.1 Language/zh")
    assert not in_wecom("Mozilla/5.0 (iPhone) MicroMessenger/8.0.49") and not in_wecom("")
