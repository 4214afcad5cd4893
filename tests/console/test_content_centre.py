"""The content centre: written, looked at as families see it, reviewed by somebody else, published; and closed to other teams."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import FormData
from playwright.async_api import FilePayload, expect
from sqlalchemy import func, select

from records.chat import Chat
from records.content import ContentItem, ContentMedia, ContentVersion
from records.content_read import ContentRead
from records.refusal import AccessRefusal
from records.role import Role, StaffRole
from records.staff import Staff, Team
from tests.console.browser import OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import Client, Stage
from tests.plans.content.files import docx, mp4, pdf, png

BODY = "PICC 每周换一次膜，洗澡时用保鲜膜包好，别泡在水里。红、肿、疼、流水，请当天联系医护。发热请立即来院，喘不上气请拨打120。"
SCRIPT = "<script>alert(1)</script>"
PART = ("kind", "text", "file", "sha256", "caption", "url", "title", "about", "appid", "page")


async def give_roles(stage: Stage) -> None:
    """林悦 writes in 随访中心 beside her nursing, 秦岚 leads 呼吸科."""
    async with stage.db.transaction() as tx:
        roles = {role.code: role.id for role in await tx.scalars(select(Role))}
        people = {staff.userid: staff.id for staff in await tx.scalars(select(Staff))}
        teams = {team.name: team.id for team in await tx.scalars(select(Team))}
        given = (("linyue", "editor", "随访中心"), ("linyue", "clinician", "随访中心"), ("qinlan", "lead", "呼吸科"))
        tx.add_all(StaffRole(staff_id=people[who], role_id=roles[role], team_id=teams[team]) for who, role, team in given)


@dataclass
class Desk:
    """林悦 writes, 张伟 leads her team, 秦岚 leads another."""

    stage: Stage
    lin: Client
    zhang: Client
    qin: Client
    team: str

    def form(self, code: str = "line-care", *parts: dict[str, str], **changes: str) -> list[tuple[str, str]]:
        given = {
            "kind": "article",
            "code": code,
            "mark": "",
            "team": self.team,
            "title": "置管在家怎么护",
            "body": BODY,
            "source": "本院护理部",
        }
        given |= {"review_by": "2027-02-01", **changes}
        return [*given.items(), *((f"part_{name}", part.get(name, "")) for part in parts for name in PART)]

    async def send(self, client: Client, path: str, form: list[tuple[str, str]]) -> tuple[int, str]:
        answer = await client.post(path, form)
        return answer.status, await answer.text()

    async def saved(self, code: str = "line-care", *parts: dict[str, str], **changes: str) -> None:
        status, text = await self.send(self.lin, "/content/draft", self.form(code, *parts, **changes))
        assert status == 303, text

    async def upload(self, client: Client, name: str, data: bytes, kind: str = "picture") -> tuple[int, str]:
        body = FormData({"kind": kind, "was_file": "", "was_sha256": ""}, quote_fields=False)
        body.add_field("file", data, filename=name)
        assert client.seat is not None
        headers = {"X-CSRF-Token": client.seat.csrf}
        answer = await client._http.post(f"{client.origin}/console/content/draft/media", data=body, headers=headers)
        return answer.status, await answer.text()

    async def mark(self, client: Client, code: str = "line-care") -> str:
        found = re.search(r'name="mark" value="(\w*)"', await client.text(f"/content/items/{code}"))
        assert found is not None
        return found[1]

    async def published(self, code: str = "line-care") -> None:
        answer = await self.zhang.post(f"/content/items/{code}/review", do="approve", mark=await self.mark(self.zhang, code))
        assert answer.status == 303, await answer.text()
        assert (await self.zhang.post(f"/content/items/{code}/publish")).status == 303

    async def states(self, code: str = "line-care") -> list[str]:
        async with self.stage.db.transaction() as tx:
            chosen = select(ContentVersion.state).join(ContentItem).where(ContentItem.code == code).order_by(ContentVersion.version)
            return list(await tx.scalars(chosen))


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    await give_roles(stage)
    async with stage.db.transaction() as tx:
        team = await tx.scalar(select(Team.id).where(Team.name == "随访中心"))
    yield Desk(stage, await stage.client("linyue"), await stage.client("zhangwei"), await stage.client("qinlan"), str(team))


async def test_an_article_is_written_reviewed_by_another_and_published(desk: Desk) -> None:
    await desk.saved()
    assert await desk.states() == ["draft"]
    own = await desk.lin.text("/content/items/line-care")
    assert "写过或改过的人不能审核" in own or "等待有审核权限的同事" in own
    assert (await desk.lin.post("/content/items/line-care/review", do="approve")).status == 403
    await desk.published()
    assert await desk.states() == ["published"]
    page = await desk.lin.text("/content/items/line-care")
    assert "已发布" in page and "林悦" in page and "张伟" in page and "审核通过" in page
    listed = await desk.lin.text("/content?q=置管".replace("置管", "%E7%BD%AE%E7%AE%A1"))
    assert "置管在家怎么护" in listed and "全院" not in listed.split("<tbody>")[1]


async def test_what_a_reviewer_thinks_of_a_draft_reaches_its_author(desk: Desk) -> None:
    await desk.saved()
    for client, text in ((desk.zhang, "1篇待您审核或发布："), (desk.lin, "等待审核")):
        assert text in await client.text("/content" if client is desk.zhang else "/content/items/line-care")
    answer = await desk.zhang.post("/content/items/line-care/review", do="back", note="太长", mark=await desk.mark(desk.zhang))
    assert answer.status == 303
    own = await desk.lin.text("/content/items/line-care")
    assert "退回修改：太长。" in own and "等待审核" not in own
    assert "待您审核或发布：" not in await desk.zhang.text("/content")


async def test_nobody_reviews_what_he_wrote(desk: Desk) -> None:
    status, _ = await desk.send(desk.zhang, "/content/draft", desk.form())
    assert status == 303
    answer = await desk.zhang.post("/content/items/line-care/review", do="approve", mark="")
    assert answer.status == 422 and await desk.states() == ["draft"]


async def test_what_was_changed_meanwhile_is_not_approved_unseen_nor_lost(desk: Desk) -> None:
    await desk.saved()
    seen = await desk.mark(desk.zhang)
    edited = await desk.lin.text("/content/items/line-care/edit")
    mark = re.search(r'name="mark" value="(\w+)"', edited)
    assert mark is not None and mark[1] == seen
    await desk.saved(mark=seen, body=BODY + "有事请打电话。")
    answer = await desk.zhang.post("/content/items/line-care/review", do="approve", mark=seen)
    assert answer.status == 422 and "刚刚被别人处理过" in await answer.text()
    status, text = await desk.send(desk.lin, "/content/draft", desk.form(mark=seen, title="另一个标题"))
    assert status == 422 and "别人已经改过" in text and "另一个标题" in text


async def test_a_new_version_shows_what_is_new_and_families_keep_the_old_one(desk: Desk) -> None:
    await desk.saved()
    await desk.published()
    await desk.saved(mark=await desk.mark(desk.lin, "line-care/edit"), body=BODY.replace("每周换一次膜", "每五天换一次膜"))
    assert await desk.states() == ["published", "draft"]
    page = await desk.zhang.text("/content/items/line-care")
    assert "<del>PICC 每周换一次膜" in page and "<ins>PICC 每五天换一次膜" in page
    assert "家长看第1版" in await desk.lin.text("/content")
    await desk.published()
    assert await desk.states() == ["expired", "published"]
    assert "被第2版替换" in await desk.lin.text("/content/items/line-care")


async def test_a_mistake_is_told_in_words_and_nothing_is_lost(desk: Desk) -> None:
    status, text = await desk.send(
        desk.lin,
        "/content/draft",
        desk.form("x-1", {"kind": "link", "url": "javascript:alert(1)", "title": "门诊"}, title="短", source="", tags="没有的标签"),
    )
    assert status == 422 and "标题：文字太短" in text and "来源" in text and "没有的标签" in text and "第1块（链接）：请上传图片" in text
    assert 'value="javascript:alert(1)"' in text and 'href="javascript' not in text
    assert await desk.states("x-1") == []


async def test_banned_advice_cannot_be_approved(desk: Desk) -> None:
    await desk.saved(body=BODY + "烧退了就可以停药。")
    page = await desk.zhang.text("/content/items/line-care")
    assert "正文 里写了" in page
    answer = await desk.zhang.post("/content/items/line-care/review", do="approve", mark=await desk.mark(desk.zhang))
    assert answer.status == 422 and await desk.states() == ["draft"]


WRONG = [
    ("图.png", b"\x89PNG\r\n\x1a\nbroken", "picture", "已损坏"),
    ("图.png", b"<svg onload=alert(1)>", "picture", "格式不能用"),
    ("图.jpg", png(), "picture", "扩展名和内容不符"),
    ("手册.pdf", pdf(), "picture", "这里要放图片"),
    ("../../etc.png", png(), "picture", "文件名"),
    ("手册.docx", docx({"word/vbaProject.bin": b"x"}), "file", "宏"),
    ("大.mp4", mp4() + bytes(11 << 20), "video", "最多 10 MB"),
    ("大.pdf", bytes((20 << 20) + 5), "file", "最多 20 MB"),
]


async def test_a_wrong_file_is_refused_with_a_sentence(desk: Desk) -> None:
    for name, data, kind, said in WRONG:
        status, text = await desk.upload(desk.lin, name, data, kind)
        assert status == 422 and said in text, (name, kind, text)
    async with desk.stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(ContentMedia)) == 0


async def test_a_picture_is_shown_to_the_team_and_to_nobody_else(desk: Desk) -> None:
    status, text = await desk.upload(desk.lin, "步骤.png", png())
    found = re.search(r'name="part_sha256" value="([0-9a-f]{64})"', text)
    assert status == 200 and found is not None
    sha = found[1]
    await desk.saved("line-care", {"kind": "picture", "file": "步骤.png", "sha256": sha, "caption": SCRIPT})
    shown = await desk.zhang.get(f"/content/items/line-care/1/media/{sha}")
    assert shown.status == 200 and await shown.read() == png() and "sandbox" in shown.headers["Content-Security-Policy"]
    for path in (f"/content/items/line-care/1/media/{sha}", f"/content/draft/media/{sha}"):
        assert (await desk.qin.get(path)).status == 404
    stolen = desk.form("ours", {"kind": "picture", "file": "步骤.png", "sha256": sha}, team="")
    status, text = await desk.send(desk.qin, "/content/draft", stolen)
    assert status == 422 and "请上传图片" in text


async def test_script_in_any_field_is_only_text(desk: Desk) -> None:
    parts = ({"kind": "heading", "text": SCRIPT}, {"kind": "text", "text": SCRIPT})
    words = dict(
        title=SCRIPT, body=BODY + SCRIPT, short=SCRIPT + BODY, source=SCRIPT, questions="\n".join([SCRIPT, "二", "三"]), keywords=SCRIPT
    )
    await desk.saved("evil", *parts, **words)
    _, preview = await desk.send(desk.lin, "/content/draft/preview", desk.form("evil", *parts, **words))
    pages = [preview, await desk.lin.text("/content/items/evil/edit")]
    pages += [await desk.zhang.text(path) for path in ("/content", "/content/items/evil")]
    for page in pages:
        assert "<script>alert" not in page and "alert(1)" in page
    # Inside the frame the text is escaped once more, and the frame may run nothing.
    assert 'sandbox="allow-same-origin"' in preview and "&amp;lt;script&amp;gt;alert" in preview


async def test_the_preview_shows_an_unfinished_text_with_what_is_missing(desk: Desk) -> None:
    status, text = await desk.send(desk.lin, "/content/draft/preview", desk.form("new-1", title="", body="还没写完"))
    assert status == 200 and "标题：文字太短" in text and "还没有标题" in text
    status, text = await desk.send(
        desk.lin,
        "/content/draft/preview",
        [
            ("kind", "message"),
            ("code", "m-1"),
            ("text", "{name}家长您好"),
            ("title", "问候语"),
            ("source", "自拟"),
            ("review_by", "2027-01-01"),
        ],
    )
    assert status == 200 and "〔孩子的名字〕家长您好" in text


async def test_blocks_are_added_moved_and_removed(desk: Desk) -> None:
    parts = ({"kind": "heading", "text": "甲"}, {"kind": "text", "text": "乙"})
    _, text = await desk.send(desk.lin, "/content/draft/blocks", [*desk.form("b-1", *parts), ("do", "down:0")])
    assert text.index("乙") < text.index("甲")
    _, text = await desk.send(desk.lin, "/content/draft/blocks", [*desk.form("b-1", *parts), ("do", "remove:0")])
    assert "甲" not in text and "乙" in text
    _, text = await desk.send(desk.lin, "/content/draft/blocks", [*desk.form("b-1", *parts), ("do", "add:video")])
    assert text.count('name="part_kind"') == 3 and 'accept=".mp4"' in text


async def test_another_team_comes_nowhere_near_it(desk: Desk) -> None:
    await desk.saved()
    await desk.published()
    gets = ["", "/edit"]
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/review", {"do": "approve"}), ("/publish", {}), ("/withdraw", {"reason": "没有原因"}), ("/drop", {"reason": "没有原因"})
    ]  # fmt: skip
    for path in gets:
        assert (await desk.qin.get(f"/content/items/line-care{path}")).status == 404
    for path, form in posts:
        assert (await desk.qin.post(f"/content/items/line-care{path}", **form)).status == 404
    status, _ = await desk.send(desk.qin, "/content/draft", desk.form(title="我来改"))
    assert status == 404
    status, _ = await desk.send(desk.qin, "/content/draft/preview", desk.form(title="我来看"))
    assert status == 404
    status, _ = await desk.send(desk.qin, "/content/draft", desk.form("mine"))
    assert status == 404, "in the name of a team that is not hers"
    assert "置管在家怎么护" not in await desk.qin.text("/content")
    assert await desk.states() == ["published"]
    async with desk.stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(AccessRefusal)) == 9


async def test_a_nurse_without_the_right_reads_but_does_not_write(desk: Desk, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        editor = await tx.scalar(select(Role.id).where(Role.code == "editor"))
        for row in await tx.scalars(select(StaffRole).where(StaffRole.role_id == editor)):
            await tx.delete(row)
    nurse = await stage.client("linyue")
    assert "写文章" not in await nurse.text("/content")
    assert (await nurse.get("/content/new")).status == 403
    assert (await desk.send(nurse, "/content/draft", desk.form()))[0] == 403


async def test_what_is_wrong_is_taken_back_at_once(desk: Desk) -> None:
    await desk.saved()
    await desk.published()
    assert (await desk.lin.post("/content/items/line-care/withdraw", reason=" ", wrong="1")).status == 422
    assert (await desk.lin.post("/content/items/line-care/withdraw", reason="换膜间隔写错了", wrong="1")).status == 303
    assert await desk.states() == ["withdrawn"]
    assert "换膜间隔写错了" in await desk.lin.text("/content/items/line-care")


async def test_what_families_made_of_it_is_counted_by_version(desk: Desk) -> None:
    await desk.saved()
    await desk.published()
    async with desk.stage.db.transaction() as tx:
        chat = Chat(external_userid="wm-1", open_kfid="wk-1", team_id=int(desk.team), opened_at=desk.stage.now)
        tx.add(chat)
        await tx.flush()
        common: dict[str, Any] = {"chat_id": chat.id, "article": "line-care", "version": 1, "at": desk.stage.now}
        tx.add(ContentRead(**common, how="push", opened_at=desk.stage.now, opened_version=1, useful=True))
        tx.add(ContentRead(**common))
    page = await desk.lin.text("/content/items/line-care")
    row = page.split("家长看到的和反馈")[1].split("</table>")[0]
    assert re.findall(r'class="num">(\d+)<', row) == ["1", "1", "1", "0", "1", "0"]


@pytest.mark.browser
async def test_an_article_is_published_in_the_browser(desk: Desk, browser_page: OpenPage) -> None:
    page = await browser_page("linyue", "/content/new")
    await page.get_by_label("标题", exact=True).fill("置管在家怎么护")
    await page.get_by_label("来源").fill("本院护理部")
    await page.get_by_label("正文", exact=True).fill(BODY)
    await page.get_by_label("归属").select_option(label="随访中心")
    await page.get_by_role("button", name="小标题").click()
    await page.locator("[name=part_text]").first.fill("怎么换膜")
    await page.get_by_role("button", name="图片", exact=True).click()
    wrong: FilePayload = {"name": "步骤.png", "mimeType": "image/png", "buffer": pdf()}
    await page.locator(".block-media input[type=file]").set_input_files(wrong)
    await expect(page.locator(".block-media .error")).to_contain_text("内容其实是 PDF")
    picture: FilePayload = {"name": "步骤.png", "mimeType": "image/png", "buffer": png(320, 200)}
    await page.locator(".block-media input[type=file]").set_input_files(picture)
    await expect(page.locator(".block-media img")).to_be_visible()
    await page.locator("[name=part_caption]").last.fill(SCRIPT)
    frame = page.frame_locator("#preview iframe")
    await expect(frame.locator("h2")).to_have_text("怎么换膜")
    await expect(frame.locator("figure img")).to_have_js_property("complete", True)
    assert await frame.locator("figure img").evaluate("(img) => img.naturalWidth") == 320
    assert await frame.locator("body").evaluate("(body) => getComputedStyle(body).margin") == "0px", "the page's own style"
    await expect(frame.locator("main")).to_contain_text("alert(1)")
    await assert_accessible(page)
    await page.get_by_role("button", name="保存草稿").click()
    await expect(page.locator("h1")).to_contain_text("草稿")
    reviewer = await browser_page("zhangwei", "/content?state=draft")
    await reviewer.get_by_role("link", name="置管在家怎么护").click()
    await keep_screenshot(reviewer, "content")
    await reviewer.get_by_role("button", name="审核通过").click()
    await reviewer.get_by_role("button", name="发布").click()
    await reviewer.get_by_role("dialog").get_by_role("button", name="发布").click()
    await expect(reviewer.locator("h1")).to_contain_text("已发布")
    await assert_accessible(reviewer)
    (code,) = [each for each in await codes(desk) if each.startswith("a-")]
    assert await desk.states(code) == ["published"]
    stranger = await browser_page("qinlan", f"/content/items/{code}")
    await expect(stranger.locator("#main")).to_contain_text("没有这个页面")


async def codes(desk: Desk) -> list[str]:
    async with desk.stage.db.transaction() as tx:
        return list(await tx.scalars(select(ContentItem.code)))
