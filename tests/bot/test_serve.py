"""`careloop serve` as a user meets it: one process to start, a page to open, a mother and a nurse to play."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from bot.dialogue.train import model_path
from bot.private import free_port

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = shutil.which("chromium")
# Slow machines need it for loading the dialogue; nothing waits for it on a fast one. How fast it is, the benchmarks say.
PATIENCE = 300
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.dialogue,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the pages cannot be tried without a browser"),
    pytest.mark.skipif(not model_path(ROOT).exists(), reason="no trained model: run script/careloop train"),
]


async def start(data: Path, port: int) -> asyncio.subprocess.Process:
    environment = {**os.environ, "CARELOOP_DATA_DIR": str(data), "CARELOOP_LOG_LEVEL": "warning"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", "--port", str(port), cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )


async def healthy(port: int, seconds: float) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, asyncio.timeout(seconds):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    if answer.status == 200:
                        return dict(await answer.json())
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[int, Path]]:
    data, port = tmp_path_factory.mktemp("serve"), free_port()
    process = await start(data, port)
    try:
        await healthy(port, PATIENCE)
        yield port, data
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(served: tuple[int, Path]) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await (await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        expect.set_options(timeout=1000 * PATIENCE)
        await page.goto(f"http://127.0.0.1:{served[0]}/sandbox")
        await expect(page.locator("#live")).to_have_text("实时")
        yield page
        await browser.close()
        expect.set_options(timeout=5_000)


async def says(page: Page, text: str) -> None:
    field = page.get_by_placeholder("发消息")
    await field.fill(text)
    await field.press("Enter")


def heard(page: Page, text: str) -> Any:
    return page.locator("#phone .bubble", has_text=text).last


async def test_a_mother_greets_and_is_answered(page: Page) -> None:
    await says(page, "你好")
    await expect(heard(page, "随访助手")).to_be_visible()


async def test_the_next_mornings_question_is_answered_with_an_echo(page: Page) -> None:
    await page.get_by_role("button", name="到明早 8 点").click()
    await page.get_by_role("button", name="1 小时").click()
    await page.get_by_role("button", name="1 小时").click()
    await expect(heard(page, "体重是多少")).to_be_visible()
    await says(page, "6斤7两")
    await expect(heard(page, "3.35公斤")).to_be_visible()


async def test_an_alert_reaches_the_nurse_who_takes_over_and_answers(page: Page) -> None:
    await page.locator("#people").get_by_text("陈静").click()
    await says(page, "安安烧到38度6了")
    await expect(heard(page, "急诊")).to_be_visible()
    card = page.locator("#desk .card", has_text="安安").last
    await expect(card).to_contain_text("安安烧到38度6了")
    await card.get_by_role("button", name="接手").click()
    await expect(card.get_by_role("button", name="已处理")).to_be_visible()
    await says(page, "我们正在去医院的路上")
    await page.wait_for_timeout(1500)
    await expect(page.locator("#phone .bubble").last).to_contain_text("去医院的路上")


async def test_a_second_serve_on_the_same_folder_is_refused_in_one_sentence(served: tuple[int, Path]) -> None:
    second = await start(served[1], free_port())
    assert second.stderr is not None
    said = (await asyncio.wait_for(second.stderr.read(), PATIENCE)).decode()
    assert await second.wait() == 1
    assert "is in use by another CareLoop (process" in said
    assert "Traceback" not in said
