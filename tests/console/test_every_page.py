"""What holds for every page of the console, and so for those that are added: nothing inline, no barrier, little to load."""

import gzip
from html.parser import HTMLParser

import pytest
from aiohttp import ClientSession
from playwright.async_api import expect

from console.app import ROUTES
from console.static_files import STATIC
from tests.console.browser import DESK, NARROW, WIDE, OpenPage, barriers
from tests.console.stage import PEOPLE, Client, Stage

# Not pages: a stream, a file, and the way to WeCom and back.
NO_PAGES = {"/live", "/admin/audit/minors.xlsx", "/sign-in/wecom", "/sign-in/wecom/back"}
PATHS = sorted({route.path for route in ROUTES if route.method == "GET" and "{" not in route.path} - NO_PAGES)
WEIGHT = 150_000
_WEIGHT = """() => performance.getEntriesByType("resource")
    .filter((each) => /\\.(js|css)$/.test(each.name) && !each.name.includes("/vendor/"))
    .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Inline(HTMLParser):
    """Finds what the content policy would not run or show."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        scripted = [name for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        inline = tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json")
        if scripted or inline or (given.get("href") or "").startswith("javascript:"):
            self.found.append(self.get_starttag_text() or tag)


async def test_nothing_is_inline_and_nothing_breaks(stage: Stage) -> None:
    wrong = []
    for userid in (*PEOPLE, None):
        client = await stage.client(userid)
        for path in PATHS:
            answer = await client.get(path)
            text = await answer.text()
            if answer.status not in (200, 303, 403):
                wrong.append(f"{userid} {path}: {answer.status}")
            elif answer.content_type == "text/html":
                wrong += [f"{userid} {path}: {each}" for each in Inline(text).found]
    assert wrong == []


async def test_our_files_come_packed_to_who_takes_gzip_and_plain_to_others(stage: Stage) -> None:
    address = f"{stage.origin}{STATIC('vendor/echarts.min.js')}"
    async with ClientSession(auto_decompress=False) as http:
        async with http.get(address, headers={"Accept-Encoding": "identity"}) as answer:
            plain, encoding = await answer.read(), answer.headers.get("Content-Encoding")
        assert encoding is None and answer.headers["Vary"] == "Accept-Encoding"
        async with http.get(address, headers={"Accept-Encoding": "gzip, br"}) as answer:
            packed = await answer.read()
    assert answer.headers["Content-Encoding"] == "gzip" and len(packed) < len(plain) / 2 and gzip.decompress(packed) == plain


async def _is_page(client: Client, path: str) -> bool:
    """Whether it may be opened and is a whole page, rather than a part that htmx fetches."""
    answer = await client.get(path)
    return answer.status == 200 and (await answer.text()).startswith("<!doctype html>")


@pytest.mark.browser
async def test_every_page_is_open_to_everybody_light_and_of_the_right_width(stage: Stage, browser_page: OpenPage) -> None:
    wrong, seen = [], set()
    for userid in ("zhangwei", "admin", "linyue", None):
        client = await stage.client(userid)
        mine = [path for path in PATHS if path not in seen and await _is_page(client, path)]
        if not mine:
            continue
        page = await browser_page(userid, mine[0])
        for path in mine:
            seen.add(path)
            await page.goto(f"{stage.origin}/console{path}")
            await expect(page.locator("#main")).to_be_visible()
            wrong += [f"{path}: {each}" for each in await barriers(page)]
            weight = await page.evaluate(_WEIGHT)
            if not 0 < weight < WEIGHT:
                wrong.append(f"{path}: weighs {weight}")
            await page.emulate_media(color_scheme="dark")
            wrong += [f"{path} by night: {each}" for each in await barriers(page, "color-contrast")]
            await page.emulate_media(color_scheme="light")
            for width, height in (NARROW, WIDE, DESK):
                await page.set_viewport_size({"width": width, "height": height})
                if over := await page.evaluate(_TOO_WIDE):
                    wrong.append(f"{path}: {over} px too wide for {width}")
    assert not wrong, "\n".join(wrong)
    assert "/work" in seen and "/sign-in" in seen
