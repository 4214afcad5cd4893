"""The sandbox as people use it: Chromium on the page, the real simulator behind it."""

import random
import shutil
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.console.sandbox_stage import LIN, QIAN, QIN, START, ZHAO, Stage

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
LAPTOP = (1366, 768)
HANDY = (390, 844)
NASTY = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
ALERT: dict[str, Any] = {
    "card_type": "button_interaction",
    "task_id": "flag-1-1-1",
    "source": {"desc": "危急预警", "desc_color": 2},
    "main_title": {"title": "2个月婴儿发热", "desc": "小宇 · 2个月"},
    "sub_title_text": "助手已请家长去急诊，请马上联系。",
    "quote_area": {"type": 0, "title": "家长原话", "quote_text": "烧到38度5了，才两个月"},
    "horizontal_content_list": [
        {"keyname": "家长", "value": "钱建国"},
        {"type": 3, "keyname": "责任护士", "value": "林悦", "userid": "linyue"},
    ],
    "button_selection": {
        "question_key": "to",
        "title": "转给",
        "option_list": [{"id": "next", "text": "下一级"}, {"id": "qinlan", "text": "秦岚"}],
    },
    "button_list": [{"text": "接手", "style": 1, "key": "claim"}, {"text": "转交", "style": 2, "key": "transfer"}],
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the pages cannot be tried without a browser"),
]

OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.open()
    yield stage
    await stage.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser, stage: Stage) -> AsyncIterator[OpenPage]:
    """Open the sandbox in a window of its own; a page that logs an error (a breach of the content policy, too) fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_page(size: tuple[int, int] = LAPTOP) -> Page:
        context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        await page.goto(stage.url("/sandbox"))
        await expect(page.locator("#live")).to_have_text("实时")
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert errors == []


async def type_and_send(page: Page, text: str) -> None:
    await page.get_by_placeholder("发消息").fill(text)
    await page.get_by_placeholder("发消息").press("Enter")


def said(page: Page, text: str) -> Any:
    return page.locator("#phone .bubble", has_text=text)


async def test_a_mother_writes_and_is_answered(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await type_and_send(page, "宝宝今天6斤8两")
    await expect(said(page, "宝宝今天6斤8两")).to_be_visible()
    await expect(page.locator("#phone h2")).to_have_text("对方正在输入…")
    await stage.bot_says("记下了，朵朵今天 3.4 kg")
    await expect(said(page, "记下了，朵朵今天 3.4 kg")).to_be_visible()
    await expect(page.locator("#phone h2")).to_have_text(stage.config.kf_accounts[0].name)
    await expect(page.locator("#caption")).to_contain_text("4 条")
    await expect(page.locator("#caption")).to_contain_text("朵朵 女 7个月")


async def test_quick_messages_keep_their_order(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    words = ["在吗", "宝宝发烧了", "38度2", "吃了退烧药", "还要去医院吗"]
    for text in words:
        await type_and_send(page, text)
    await expect(page.locator("#phone .entry .line.mine .bubble")).to_have_text(words)
    await expect(page.locator("#phone .line.sending")).to_have_count(0)
    assert [message["text"]["content"] for message in (await stage.chat())["messages"]] == words


async def test_shift_enter_and_an_unfinished_pinyin_do_not_send(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    field = page.get_by_placeholder("发消息")
    await field.fill("第一行")
    await field.press("Shift+Enter")
    await field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    await expect(field).to_have_value("第一行\n")
    assert (await stage.chat())["messages"] == []


async def test_a_menu_item_is_tapped(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await type_and_send(page, "你好")
    await expect(said(page, "你好")).to_be_visible()
    items = [
        {"type": "click", "click": {"id": "fever_1", "content": "报体温"}},
        {"type": "view", "view": {"url": "https://example.com/", "content": "看看"}},
    ]
    await stage.bot_sends("msgmenu", {"head_content": "想做什么？", "list": items, "tail_content": "急症请打 120"})
    await page.get_by_role("button", name="报体温").click()
    await expect(page.locator("#phone .line.mine .bubble").last).to_have_text("报体温")
    assert (await stage.chat())["messages"][-1]["text"] == {"content": "报体温", "menu_id": "fever_1"}
    await expect(page.get_by_role("link", name="看看")).to_have_attribute("rel", "noopener noreferrer")


async def test_an_image_is_sent_and_shown(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await page.set_input_files("#phone input[type=file]", {"name": "体温计.png", "mimeType": "image/png", "buffer": png(120, 90)})
    picture = page.locator("#phone .line.mine .bubble.image img")
    await expect(picture).to_have_js_property("naturalWidth", 120)
    await picture.click()
    await expect(page.locator("#viewer img")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#viewer")).to_be_hidden()


async def test_a_large_photo_is_made_small_enough_to_arrive(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    photo = png(1400, 700, noise=random.Random(1))
    assert len(photo) > 2 << 20  # such a file arrives as a text notice only
    await page.set_input_files("#phone input[type=file]", {"name": "照片.png", "mimeType": "image/png", "buffer": photo})
    await expect(page.locator("#phone .line.mine .bubble.image img")).to_have_js_property("naturalWidth", 1400)
    assert (await stage.chat())["messages"][0]["msgtype"] == "image"


async def test_voice_and_place_are_sent(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    for tool in ("语音", "位置"):
        await page.get_by_role("button", name="更多").click()
        await page.get_by_role("button", name=tool, exact=True).click()
        await expect(page.locator("#phone .drawer")).to_be_hidden()
    await expect(page.locator("#phone .bubble.voice")).to_contain_text("″")
    await expect(page.locator("#phone .bubble.location svg")).to_be_visible()
    assert [message["msgtype"] for message in (await stage.chat())["messages"]] == ["voice", "location"]


async def test_markup_in_what_people_write_stays_text(stage: Stage, open_page: OpenPage) -> None:
    await stage.sim("customers", {"nickname": NASTY})
    await stage.customer_says(NASTY)
    await stage.bot_sends("msgmenu", {"head_content": NASTY, "list": [{"type": "click", "click": {"id": "a", "content": NASTY}}]})
    card = {**ALERT, "main_title": {"title": NASTY, "desc": NASTY}, "quote_area": {"type": 0, "quote_text": NASTY}}
    await stage.app_sends(LIN["userid"], "template_card", card)
    await stage.app_sends(LIN["userid"], "text", {"content": f'{NASTY}<a href="javascript:window.hacked=1">点我</a>'})
    page = await open_page()
    await expect(said(page, NASTY)).to_have_count(2)
    await expect(page.locator(".stream .card h3")).to_have_text(NASTY)
    await expect(page.locator(".person", has_text=NASTY)).to_be_visible()
    await expect(page.locator(".stream").get_by_text("点我")).to_be_visible()
    await page.get_by_role("tab", name="微信客服").click()
    await page.locator(f".sessions [data-customer={ZHAO['external_userid']}]").click()
    await expect(page.locator(".talk-pane .bubble", has_text=NASTY)).to_have_count(2)
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("img[src='x'], a[href^='javascript'], [onerror]").count() == 0


async def test_a_nurse_answers_an_alert_card(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    sent = await stage.app_sends(f"{LIN['userid']}|{QIN['userid']}", "template_card", ALERT)
    card = page.locator(".stream .card")
    await expect(card).to_contain_text("2个月婴儿发热")
    await expect(page.locator(".stream .entry.urgent")).to_be_visible()
    await expect(page.locator(f"[data-member={QIN['userid']}] .badge")).to_have_text("1")
    await card.get_by_label("转给").select_option("秦岚")
    await card.get_by_role("button", name="接手").click()
    update = {"userids": [LIN["userid"], QIN["userid"]], "agentid": stage.config.apps[0].agentid, "response_code": sent["response_code"]}
    await stage.wecom("message/update_template_card", {**update, "button": {"replace_name": "林悦已接手"}})
    await expect(card.get_by_role("button", name="林悦已接手")).to_be_disabled()
    await expect(card.get_by_role("button", name="转交")).to_have_count(0)
    await page.locator(f"[data-member={QIN['userid']}]").click()
    await expect(page.locator(".stream .card").get_by_role("button", name="林悦已接手")).to_be_disabled()
    await expect(page.locator(f"[data-member={QIN['userid']}] .badge")).to_have_count(0)


async def test_a_nurse_takes_over_answers_transfers_and_ends(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await type_and_send(page, "转人工")
    await expect(said(page, "转人工")).to_be_visible()
    await stage.to_pool()
    await expect(page.locator("[data-tab=service] .badge")).to_have_text("1")
    await page.get_by_role("tab", name="微信客服").click()
    await page.locator(".sessions .pool .talk").click()
    await page.get_by_role("button", name="接入", exact=True).click()
    await page.get_by_placeholder("以本人名义回复").fill("您好，我是林悦")
    await page.get_by_placeholder("以本人名义回复").press("Enter")
    await expect(said(page, "您好，我是林悦")).to_be_visible()
    await expect(page.locator("#phone .system", has_text="以下为林悦的回复")).to_have_count(1)
    await page.get_by_text("转给同事").click()
    await page.get_by_role("menuitem", name="秦岚").click()
    await expect(page.locator(".sessions .others .talk")).to_be_visible()
    await page.locator(f"[data-member={QIN['userid']}]").click()
    await page.locator(".sessions .mine .talk").click()
    await page.get_by_role("button", name="结束会话").click()
    await page.get_by_role("button", name="确定结束？").click()
    await expect(page.locator(".sessions .ended .talk")).to_be_visible()
    assert (await stage.chat())["service_state"] == 4


async def test_the_desk_is_worked_with_the_keyboard(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await page.get_by_role("tab", name="消息").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("tab", name="微信客服")).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_role("tab", name="微信客服")).to_be_focused()
    await page.locator(f"[data-member={LIN['userid']}]").focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"[data-member={QIN['userid']}]")).to_have_attribute("aria-pressed", "true")


async def test_time_moves_forward(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    clock = page.locator("#clock .now")
    await expect(clock).to_contain_text("3月1日 周日10:00")
    await page.get_by_role("button", name="1 小时", exact=True).click()
    await expect(clock).to_contain_text("11:00")
    assert (stage.clock.now() - START).total_seconds() == 3600
    await page.get_by_role("button", name="到明早 8 点").click()
    await expect(clock).to_contain_text("3月2日 周一08:00")
    await expect(page.locator("#phone .statusbar")).to_contain_text("08:00")


async def test_the_reply_window_shuts_after_48_hours(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await expect(page.locator("#caption")).to_contain_text("回复窗口没开")
    await type_and_send(page, "在吗")
    await expect(page.locator("#caption")).to_contain_text("5 条")
    await page.get_by_role("tab", name="微信客服").click()
    await expect(page.locator(".sessions .bot .talk")).to_be_visible()
    await page.get_by_role("button", name="2 天", exact=True).click()
    await expect(page.locator("#caption")).to_contain_text("回复窗口没开")
    await expect(page.locator(".sessions .ended .talk")).to_be_visible()


async def test_two_windows_show_the_same_at_once(stage: Stage, open_page: OpenPage) -> None:
    mother, nurse = await open_page(), await open_page()
    await nurse.get_by_role("tab", name="微信客服").click()
    await type_and_send(mother, "宝宝吐奶了")
    await expect(said(nurse, "宝宝吐奶了")).to_be_visible()
    await nurse.locator(".sessions .talk").click()
    await expect(nurse.locator(".talk-pane .bubble")).to_have_text("宝宝吐奶了")
    await stage.bot_says("吐了几次？")
    await expect(nurse.locator(".talk-pane .bubble").last).to_have_text("吐了几次？")
    await expect(said(mother, "吐了几次？")).to_be_visible()


async def test_a_message_to_another_parent_is_counted_until_it_is_read(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await stage.customer_says("好的", QIAN)
    await stage.bot_says("小宇今天体温多少？", QIAN)
    father = page.locator(f"[data-customer={QIAN['external_userid']}]").first
    await expect(father.locator(".badge")).to_have_text("1")
    await father.click()
    await expect(said(page, "小宇今天体温多少？")).to_be_visible()
    await expect(father.locator(".badge")).to_have_count(0)


async def test_a_newcomer_can_be_played(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await page.get_by_role("button", name="新访客").click()
    await expect(page.locator(".person[aria-pressed=true]")).to_contain_text("暖暖妈妈")
    await type_and_send(page, "第一次来")
    await expect(said(page, "第一次来")).to_be_visible()


async def test_a_newcomer_holds_a_discharge_sheet_and_can_scan_it(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    sheet = page.get_by_role("complementary", name="出院小结")
    await expect(sheet).to_be_hidden()
    await page.get_by_role("button", name="新访客").click()
    await expect(sheet).to_contain_text("D0006")
    entered = stage.url("/sandbox/wecom/sim/chats/**/enter")
    async with page.expect_request(entered) as request:
        await sheet.get_by_role("button", name="扫码").click()
    assert (await request.value).post_data_json == {"scene": "careloop", "scene_param": "aSignedToken"}
    await page.locator(f"[data-customer={ZHAO['external_userid']}]").first.click()
    await expect(sheet).to_be_hidden()


async def test_a_failed_send_is_marked_and_can_be_repeated(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    failing = stage.url("/sandbox/wecom/sim/chats/**/say")
    await page.route(failing, lambda route: route.fulfill(content_type="application/json", body='{"errcode": 95016}'))
    await type_and_send(page, "发不出去")
    alarm = page.get_by_role("button", name="没发出去，点这里重发")
    await expect(alarm).to_be_visible()
    await page.unroute(failing)
    await alarm.click()
    await expect(page.locator("#phone .entry .line.mine .bubble")).to_have_text(["发不出去"])


async def test_the_first_visit_is_shown_what_to_try(stage: Stage, open_page: OpenPage) -> None:
    page = await open_page()
    await page.get_by_role("button", name="烧到38度5了，才两个月").click()
    await expect(page.locator("#phone .line.mine .bubble")).to_have_text("烧到38度5了，才两个月")
    await page.get_by_role("button", name="不再提示").click()
    await page.reload()
    await expect(page.locator("#live")).to_have_text("实时")
    await expect(page.locator(".hints")).to_be_hidden()
    await page.get_by_role("button", name="怎么玩").click()
    await expect(page.locator(".hints")).to_be_visible()


async def test_the_work_list_is_shown_by_kind(stage: Stage, open_page: OpenPage) -> None:
    at = START.isoformat()
    stage.product.work = [
        {"kind": "alert", "level": "emergency", "patient": "小宇", "text": "2个月婴儿发热", "at": at, "state": "raised"},
        {"kind": "question", "level": "same_day", "patient": "朵朵", "text": "雾化后能喝奶吗", "at": at, "state": "open"},
    ]
    page = await open_page()
    await page.get_by_role("tab", name="待办").click()
    await expect(page.locator(".pane.work li")).to_have_count(2)
    await page.get_by_role("button", name="待回答").click()
    await expect(page.locator(".pane.work li")).to_have_count(1)
    await expect(page.locator(".pane.work li")).to_contain_text("雾化后能喝奶吗")


@pytest.mark.parametrize("size", [LAPTOP, (1366, 650), (1024, 700), HANDY])
async def test_everything_fits_the_window(stage: Stage, open_page: OpenPage, size: tuple[int, int]) -> None:
    await stage.app_sends(LIN["userid"], "template_card", ALERT)
    page = await open_page(size)
    await expect(page.get_by_placeholder("发消息")).to_be_in_viewport(ratio=1)
    await expect(page.locator("#caption")).to_be_in_viewport(ratio=1)
    if size == HANDY:
        await page.get_by_role("button", name="企业微信").click()
    card = page.locator(".stream .card")
    await expect(card.get_by_role("button", name="接手")).to_be_in_viewport(ratio=1)
    box = await card.bounding_box()
    assert box is not None and box["x"] + box["width"] <= size[0] - 8
    width, height = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (width, height) == size


def png(width: int, height: int, noise: random.Random | None = None) -> bytes:
    """A picture, drawn: one colour, which packs well, or noise, which does not."""
    rows = b"".join(b"\0" + (noise.randbytes(3 * width) if noise else b"\xfa\x78\x96" * width) for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
