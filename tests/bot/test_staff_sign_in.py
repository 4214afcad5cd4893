"""The demo's people sign in to the console on the simulator's page, as `careloop serve` joins them."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from yarl import URL

from bot.app import Core, add_console, add_sandbox
from bot.clock import Clock
from bot.demo import plant
from bot.private import free_port
from bot.settings import load_settings
from records.database import Database


@pytest.fixture
async def browser(db: Database, tmp_path: Path) -> AsyncIterator[tuple[ClientSession, URL]]:
    settings = load_settings(port=free_port(), data_dir=tmp_path)
    core = Core(settings, db, Clock())
    async with db.transaction() as tx:
        await plant(tx, core.clock(), settings.tz)
    app = web.Application()
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http, ClientSession() as inside:
        add_console(app, core)
        add_sandbox(app, core, inside)
        server = TestServer(app, port=settings.port)
        await server.start_server()
        yield http, server.make_url("/")
        await server.close()


async def sign_in(browser: tuple[ClientSession, URL], userid: str, agent: str = "Mozilla/5.0") -> tuple[str, str]:
    """Choose a member on the page that the console leads to; where that ends, and the page."""
    http, origin = browser
    headers = {"Accept": "text/html", "User-Agent": agent}
    async with http.get(origin / "console", headers=headers) as door:
        page, here = await door.text(), door.url
    # Inside WeCom nobody has to press anything to be led there.
    if "wxwork" not in agent:
        there = re.search(r'href="(/console/sign-in/wecom[^"]*)"', page)
        assert there is not None
        async with http.get(origin.join(URL(unescape(there[1]), encoded=True)), headers=headers) as led:
            page, here = await led.text(), led.url
    chosen = re.search(rf'href="(\?[^"]*userid={userid})"', page)
    assert chosen is not None, page
    async with http.get(here.join(URL(unescape(chosen[1]), encoded=True)), headers=headers) as end:
        return end.url.path, await end.text()


@pytest.mark.parametrize("agent", ["Mozilla/5.0", "wxwork/4.1 MicroMessenger/7.0"])
async def test_a_nurse_comes_to_her_work_by_qr_and_inside_wecom(browser: tuple[ClientSession, URL], agent: str) -> None:
    path, page = await sign_in(browser, "linyue", agent)
    assert path == "/console/work" and "林悦" in page


async def test_whoever_is_not_on_file_stays_outside(browser: tuple[ClientSession, URL]) -> None:
    path, page = await sign_in(browser, "zhouwei")
    assert path == "/console/sign-in/wecom/back" and "还没有登记" in page


async def test_the_administrator_comes_in_without_a_team(browser: tuple[ClientSession, URL]) -> None:
    path, page = await sign_in(browser, "dingkai")
    assert path.startswith("/console") and "丁凯" in page and "出错" not in page
