"""Chromium on the console's pages: signed in as somebody, on a desk or a phone, and what keeps people from a page found by axe-core."""

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Protocol

from playwright.async_api import Page, async_playwright, expect
from yarl import URL

from console.desk import BASE
from console.sign_in import COOKIE

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--remote-debugging-port=0"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESK, NARROW, PHONE, WIDE = (1280, 800), (360, 740), (390, 844), (1920, 1080)
SCREENSHOTS = Path(__file__).parent.parent.parent / "docs" / "screenshots"
# A busy machine may take its time; nothing waits longer than it must.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)
_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
_RUN = """async (rules) => {
    const found = await axe.run(document, rules ? { runOnly: rules } : {});
    return found.violations.filter((each) => ["serious", "critical"].includes(each.impact))
        .map((each) => ({ rule: each.id, at: each.nodes.slice(0, 4).map((node) => `${node.target} ${node.html.slice(0, 160)}`) }));
}"""
# What an open menu offers and no mouse can press: cut off by a column, or under something else.
_COVERED = """() => [...document.querySelectorAll("details.menu")].filter((menu) => menu.checkVisibility()).flatMap((menu) => {
    const opened = [...document.querySelectorAll("details.menu[open]")];
    for (const each of opened) each.open = false;
    menu.open = true;
    const offered = [...menu.querySelectorAll("a, button, input, select, textarea")]
        .filter((each) => !each.closest("summary") && each.type !== "hidden" && each.checkVisibility());
    const covered = offered.filter((each) => {
        each.scrollIntoView({ block: "nearest", inline: "nearest" });
        const box = each.getBoundingClientRect();
        const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return !there || !(each.contains(there) || (each.closest("label") && there.closest("label") === each.closest("label")));
    });
    menu.open = false;
    for (const each of opened) each.open = true;
    return covered.map((each) => `covered in the menu ${menu.querySelector("summary").innerText}: ${each.outerHTML.slice(0, 80)}`);
})"""
# How the browser and htmx log a request that was answered with an error (tests look at the answer), and one that a newer one replaced.
_REFUSED = re.compile("Failed to load resource|Response Status Error Code|htmx:sendAbort|htmx:afterRequest")
# Who opens a page, where, and on what screen.
OpenPage = Callable[..., Awaitable[Page]]


class Visited(Protocol):
    """The running pages, and how somebody is signed in to them."""

    @property
    def origin(self) -> URL: ...

    async def token(self, who: str) -> str: ...


@contextmanager
def running_chromium() -> Iterator[str]:
    """One Chromium for all tests of a run, as the address that Playwright connects to."""
    assert CHROMIUM is not None
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            found = next(match for line in process.stderr if (match := re.search(r"ws://\S+", line)))
            Thread(target=process.stderr.read, daemon=True).start()
            yield found.group()
        finally:
            process.terminate()
            process.wait(10)


@asynccontextmanager
async def browser_pages(address: str, stage: Visited, base: str = BASE, cookie: str = COOKIE) -> AsyncIterator[OpenPage]:
    """Opens pages of the stage below `base`. One that logs an error (a breach of the content policy, too) fails the test; a refused request
    does not."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        contexts = []

        async def open_page(
            userid: str | None, path: str = "/work", *, size: tuple[int, int] = DESK, dark: bool = False, **more: Any
        ) -> Page:
            """`path` below `base` as `userid` (None: not signed in)."""
            touch = size[0] < 600
            viewport = {"width": size[0], "height": size[1]}
            context = await browser.new_context(
                viewport=viewport,  # type: ignore[arg-type]
                locale="zh-CN",
                timezone_id="Asia/Shanghai",
                color_scheme="dark" if dark else "light",
                has_touch=touch,
                is_mobile=touch,
                **more,
            )
            contexts.append(context)
            if userid is not None:
                await context.add_cookies([{"name": cookie, "value": await stage.token(userid), "url": str(stage.origin)}])
            page = await context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda line: errors.append(line.text) if line.type == "error" and not _REFUSED.search(line.text) else None)
            await page.goto(f"{stage.origin}{base}{path}")
            return page

        yield open_page
        for context in contexts:
            await context.close()
        await browser.close()
    assert errors == [], errors


@cache
def _axe() -> str:
    return _AXE.read_text("utf-8")


async def barriers(page: Page, *rules: str) -> list[dict[str, Any]]:
    """What axe-core calls serious or critical on this page as it is now, and what its menus hide; with `rules`, these of axe alone."""
    # Evaluated by the debugger: the page's own policy lets nothing in.
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_axe())
    found: list[dict[str, Any]] = await page.evaluate(_RUN, list(rules) or None)
    return found if rules else [*found, *({"rule": "menu", "at": each} for each in await page.evaluate(_COVERED))]


async def assert_accessible(page: Page) -> None:
    """Nothing keeps anybody from what the page shows now, by day and by night."""
    found = await barriers(page)
    assert found == [], found
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        found = await barriers(page, "color-contrast")
        assert found == [], (scheme, found)


async def keep_screenshot(page: Page, name: str) -> None:
    """docs/screenshots/NAME.png, when CARELOOP_SCREENSHOTS is set."""
    if os.environ.get("CARELOOP_SCREENSHOTS"):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
