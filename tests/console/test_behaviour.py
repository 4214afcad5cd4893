"""What all pages do alike, in Chromium: notes, questions, keys, colours, figures, and news from elsewhere."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from records.flag import Flag
from records.patient import Patient
from records.state import created
from tests.console.browser import NARROW, OpenPage, assert_accessible
from tests.console.stage import NOW, Stage

pytestmark = pytest.mark.browser
# A page of the console with nothing of its own: the one that says that there is none.
PLAIN = "/nothing-here"
FIGURES: list[dict[str, Any]] = [
    {
        "kind": "line",
        "axis": "value",
        "x": [],
        "x_unit": "月",
        "series": [
            {"name": "体重", "values": [[1, 4.1], [2, 5.0], [3, None]], "color": "accent"},
            {"name": "P50", "values": [[1, 4.2], [2, 5.1]], "color": "muted", "dash": True},
        ],
        "unit": "kg",
        "bands": [{"name": "正常", "low": 3.5, "high": 6, "kind": "good"}],
    },
    {
        "kind": "line",
        "axis": "time",
        "x": ["2026-02-01T08:00:00+08:00", "2026-02-03T08:00:00+08:00"],
        "series": [{"name": "体温", "values": [37.2, 38.5]}],
        "unit": "℃",
    },
    {"kind": "bar", "x": ["周一", "周二"], "series": [{"name": "随访", "values": [12, 9]}], "unit": "次"},
    {
        "kind": "stacked",
        "x": ["1月", "2月"],
        "series": [{"name": "危急", "values": [1, 2], "color": "emergency"}, {"name": "紧急", "values": [3, 4], "color": "urgent"}],
        "unit": "条",
    },
    {"kind": "heat", "x": ["0时", "1时"], "y": ["周一", "周二"], "series": [{"name": "回复", "values": [[1, 2], [3, 0]]}], "unit": "条"},
    {"kind": "funnel", "x": ["已发", "已读", "已答"], "series": [{"name": "家庭", "values": [100, 80, 55]}], "unit": "户"},
]


async def put(page: Page, markup: str) -> None:
    """More of a page, as htmx would bring it."""
    script = """(markup) => { const main = document.getElementById("main"); main.insertAdjacentHTML("beforeend", markup);
        htmx.process(main); main.dispatchEvent(new CustomEvent("htmx:afterSettle", { bubbles: true, detail: {} })); }"""
    await page.evaluate(script, markup)


async def test_a_note_goes_and_its_way_back_must_be_ours(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", f"{PLAIN}?said=signed_out&undo=/sign-out&proof=forged")
    note = page.locator(".toast")
    await expect(note).to_contain_text("登录已过期")
    await expect(note.get_by_text("撤销")).to_have_count(0)
    await expect(page).to_have_url(f"{page.url.partition('?')[0]}")
    await note.get_by_label("关闭").click()
    await expect(note).to_have_count(0)


async def test_an_error_of_a_part_is_told_in_words(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN)
    await put(page, '<button id="gone" hx-get="/console/nothing">看</button>')
    await page.click("#gone")
    await expect(page.locator(".toast.bad")).to_contain_text("没有这个页面")
    await assert_accessible(page)


async def test_what_cannot_be_taken_back_is_asked_first(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN)
    proof = await page.locator("[name=csrf]").first.get_attribute("value")
    inside = f'<input type="hidden" name="csrf" value="{proof}"><button>离开</button>'
    await put(page, f'<form method="post" action="/console/sign-out" data-confirm="要离开吗？">{inside}</form>')
    await page.get_by_role("button", name="离开").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("要离开吗？")
    await assert_accessible(page)
    await dialog.get_by_role("button", name="取消").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_role("button", name="离开").click()
    await page.get_by_role("dialog").get_by_role("button", name="确定").click()
    await expect(page.get_by_label("账号")).to_be_visible()


async def test_a_list_is_walked_by_keys(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN)
    rows = "".join(f'<a href="/console/work?n={n}">第{n}项</a>' for n in range(3))
    await put(page, f'<div class="list" data-list>{rows}</div><input type="search" aria-label="查找">')
    for key in "jjjk":
        await page.keyboard.press(key)
    await expect(page.locator(".at")).to_have_text("第1项")
    await page.keyboard.press("/")
    await expect(page.get_by_label("查找")).to_be_focused()
    await page.keyboard.type("j?")
    await expect(page.get_by_label("查找")).to_have_value("j?")
    await page.get_by_label("查找").blur()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("在列表里向下、向上")
    await page.keyboard.press("Escape")
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{page.url.partition('?')[0].partition('/console')[0]}/console/work?n=0")


async def test_dark_is_kept_once_chosen_and_the_menu_opens(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN, size=NARROW)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    menu = page.get_by_role("button", name="菜单")
    await menu.click()
    await expect(menu).to_have_attribute("aria-expanded", "true")
    await page.get_by_role("button", name="切换到深色").click()
    dark = await page.evaluate(ground)
    assert dark != light
    await assert_accessible(page)
    await page.reload()
    assert await page.evaluate(ground) == dark


async def test_figures_are_drawn_and_can_be_read_aloud(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN)
    for number, data in enumerate(FIGURES):
        attribute = json.dumps(data, ensure_ascii=False)
        await put(page, f"<figure class='chart' data-chart='{attribute}'><figcaption>图{number}</figcaption></figure>")
    await expect(page.locator(".chart canvas")).to_have_count(len(FIGURES))
    first = page.locator(".chart table").first
    await expect(first).to_contain_text("体重")
    await expect(first).to_contain_text("4.1 kg")
    await page.locator(".chart canvas").nth(2).hover(position={"x": 300, "y": 150})
    await assert_accessible(page)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="存为图片").first.click()
    assert (await download.value).suggested_filename == "图0.png"
    await put(page, """<figure class="chart" data-chart='{"kind": "bar", "x": [], "series": [{"name": "无", "values": []}]}'></figure>""")
    await expect(page.locator(".chart").last).to_contain_text("这段时间没有数据")


async def test_a_page_looks_again_when_something_changed_but_not_under_somebodys_hands(stage: Stage, browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN)
    part = '<section id="{0}" hx-get="/console/work" hx-trigger="live:work from:body"><p>旧</p>{1}</section>'
    async with page.expect_response(lambda answer: "/console/live" in answer.url):
        await put(page, part.format("plain", "") + part.format("busy", '<textarea id="draft" aria-label="草稿"></textarea>'))
    await page.locator("#draft").fill("写到一半")
    async with stage.db.transaction() as tx:
        patient = (await tx.scalars(select(Patient).where(Patient.record_number == "D0001"))).one()
        flag = Flag(
            patient_id=patient.id, team_id=patient.team_id, level="urgent", category="fever", said="", because="发热", raised_at=NOW
        )
        tx.add(flag)
        await tx.flush()
        created(tx, flag, at=NOW, by="system")
    await expect(page.locator("#plain")).not_to_contain_text("旧")
    await expect(page.locator("#draft")).to_have_value("写到一半")
    await page.locator("#draft").blur()
    await expect(page.locator("#busy")).not_to_contain_text("旧")


async def test_a_lost_connection_is_said_and_found_again(browser_page: OpenPage) -> None:
    page = await browser_page("linyue", PLAIN)
    await page.context.set_offline(True)
    await expect(page.get_by_role("alert")).to_contain_text("连接断开了")
    await page.context.set_offline(False)
    await expect(page.locator("#offline")).to_be_hidden()
