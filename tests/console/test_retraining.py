"""Retraining in the console: label what was not understood, check, train, compare, publish, go back."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import expect
from sqlalchemy import select

from bot.retraining import compare as comparing
from bot.retraining import training
from bot.retraining.compare import side_by_side
from bot.retraining.data import domain_intents
from bot.retraining.examine import probes
from bot.retraining.queue import add_examples
from console.retraining.words import ROOT, in_words, words
from records.labelled_example import LabelledExample
from records.model_version import ModelComparison, Publication, TrainingRun
from records.patient import Patient
from records.refusal import AccessRefusal
from records.review import ReviewGroup, ReviewItem
from records.role import Role, StaffRole
from records.staff import Staff
from tests.console.browser import NARROW, OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import NOW, Client, Stage
from tests.named import named
from tests.retraining.test_publish import Reader

CHILD = [sys.executable, str(Path(training.ROOT) / "tests/retraining/slow_child.py"), "good"]


async def waiting(stage: Stage, *texts: str, why: str = "not_understood", guess: str = "ask_results") -> int:
    """A group of messages that waits to be labelled."""
    async with stage.db.transaction() as tx:
        suggestions = [{"intent": guess, "confidence": 0.62}, {"intent": "ask_question", "confidence": 0.2}]
        group = ReviewGroup(created_at=NOW, suggestions=suggestions)
        tx.add(group)
        await tx.flush()
        for n, text in enumerate(texts):
            item = {"intent": "nlu_fallback", "confidence": 0.3, "said_at": NOW - timedelta(hours=1)}
            tx.add(ReviewItem(group_id=group.id, inbound_id=group.id * 100 + n, text=text, why=[why], **item))
        return group.id


async def mark(stage: Stage, group_id: int) -> dict[str, Any]:
    """What the page of a group sends along: everything on it is ticked."""
    async with stage.db.transaction() as tx:
        ids = sorted(await tx.scalars(select(ReviewItem.id).where(ReviewItem.group_id == group_id)))
    return {"mark": f"{len(ids)}-{ids[-1]}", "item": [str(each) for each in ids]}


async def examples(stage: Stage) -> dict[str, str]:
    async with stage.db.transaction() as tx:
        rows = await tx.scalars(select(LabelledExample).where(LabelledExample.state == "accepted").order_by(LabelledExample.id))
        return {row.text: row.intent for row in rows}


async def trainer(stage: Stage, userid: str, *codes: str) -> Client:
    """Somebody who has these roles everywhere."""
    async with stage.db.transaction() as tx:
        staff_id = (await tx.scalars(select(Staff.id).where(Staff.userid == userid))).one()
        for code in codes:
            role_id = (await tx.scalars(select(Role.id).where(Role.code == code))).one()
            tx.add(StaffRole(staff_id=staff_id, role_id=role_id, team_id=None))
    return await stage.client(userid)


async def label(stage: Stage, client: Client, group_id: int, intent: str, **more: Any) -> str:
    answer = await client.post(f"/nlu/groups/{group_id}/label", htmx=True, intent=intent, **{**await mark(stage, group_id), **more})
    assert answer.status == 200
    return await answer.text()


def test_every_intent_has_one_name() -> None:
    named = [code for theme in words()["themes"].values() for code in theme]
    assert sorted(named) == sorted(set(domain_intents(ROOT)) - {"nlu_fallback"})
    assert in_words("重要意图 human 变差了；先运行 `careloop nlu compare 3`。") == "重要意图“找真人”变差了。"


async def test_one_group_follows_the_other_and_a_decision_can_be_taken_back(stage: Stage) -> None:
    big = await waiting(stage, "片子啥时候能瞧见呀姐姐", "片子啥时候能瞧见呀妹妹")
    small = await waiting(stage, "那个蓝色小本子搁哪儿办", why="unsure")
    admin = await stage.client("admin")
    page = await admin.text("/nlu")
    assert "片子啥时候能瞧见呀姐姐" in page and "还有2组（3条）" in page and "问检查结果" in page
    shown = await label(stage, admin, big, "ask_results")
    assert "上一组已标为“问检查结果”，学2句" in shown and "那个蓝色小本子搁哪儿办" in shown
    assert await examples(stage) == {"片子啥时候能瞧见呀姐姐": "ask_results", "片子啥时候能瞧见呀妹妹": "ask_results"}
    back = await (await admin.post(f"/nlu/groups/{big}/reopen", htmx=True)).text()
    assert "已撤回" in back and "片子啥时候能瞧见呀姐姐" in back and await examples(stage) == {}
    assert "那个蓝色小本子" in await admin.text(f"/nlu?after={big}")
    assert "看到头了" in await admin.text(f"/nlu?after={small}")
    assert "那个蓝色小本子" in await admin.text("/nlu?why=unsure")


async def test_what_means_something_else_waits_in_a_group_of_its_own(stage: Stage) -> None:
    group = await waiting(stage, "小结搁哪块领呀", "小结搁哪块改呀")
    admin, sent = await stage.client("admin"), await mark(stage, group)
    shown = await label(stage, admin, group, "ask_results", item=sent["item"][:1])
    assert "小结搁哪块改呀" in shown and "小结搁哪块领呀" not in shown
    assert await examples(stage) == {"小结搁哪块领呀": "ask_results"}


async def test_two_who_label_do_not_get_in_each_others_way(stage: Stage) -> None:
    one, two = await waiting(stage, "片子啥时候能瞧见呀", "片子啥时候能瞧见哟"), await waiting(stage, "那个蓝色小本子搁哪儿办")
    admin, lead = await stage.client("admin"), await trainer(stage, "zhangwei", "trainer")
    assert "片子啥时候能瞧见呀" in await admin.text("/nlu")
    page = await lead.text("/nlu")
    assert "那个蓝色小本子" in page and "1组同事正在看" in page
    assert "周正正在看这一组" in await lead.text(f"/nlu?group={one}")
    await label(stage, admin, one, "ask_results")
    late = await label(stage, lead, one, "human")
    assert "周正已经处理过这一组（问检查结果），您这次没有改动它" in late
    assert set((await examples(stage)).values()) == {"ask_results"}
    seen = await mark(stage, two)
    async with stage.db.transaction() as tx:
        item = {"intent": None, "confidence": None, "said_at": NOW, "why": ["unsure"], "text": "那个绿色小本子搁哪儿办"}
        tx.add(ReviewItem(group_id=two, inbound_id=9999, **item))
    changed = await label(stage, lead, two, "ask_question", **seen)
    assert "刚刚有变化" in changed and "那个绿色小本子" in changed
    # Who goes away keeps nothing from the others.
    stage.now = NOW + timedelta(minutes=6)
    assert "那个绿色小本子" in await admin.text("/nlu")


async def test_what_is_private_is_hidden_or_forgotten(stage: Stage) -> None:
    group, other = await waiting(stage, "毛毛头今天咋样", "毛毛头今儿咋样"), await waiting(stage, "俺家住三号楼老王隔壁")
    admin = await stage.client("admin")
    shown = await (await admin.post(f"/nlu/groups/{group}/mask", htmx=True, part="毛毛头")).text()
    assert "〔姓名〕今天咋样" in shown and "毛毛头" not in shown
    assert "没有“毛毛头”" in await (await admin.post(f"/nlu/groups/{group}/mask", htmx=True, part="毛毛头")).text()
    sent = await mark(stage, other)
    await admin.post(f"/nlu/groups/{other}/erase", htmx=True, mark=sent["mark"])
    async with stage.db.transaction() as tx:
        texts = set(await tx.scalars(select(ReviewItem.text)))
    assert texts == {"〔姓名〕今天咋样", "〔姓名〕今儿咋样", ""}
    assert "不能重新打开" in await (await admin.post(f"/nlu/groups/{other}/reopen", htmx=True)).text()
    assert "俺家住" not in await admin.text("/nlu/groups?state=rejected")


async def test_checks_name_what_is_wrong_and_it_is_mended_there(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        (await named(tx, Patient, "朵朵"))[0].name = "欧阳朵朵"
    async with stage.db.transaction() as tx:
        wrong = [("药吃了三天也不见效", "greet"), ("欧阳朵朵的小本子搁哪儿办", "ask_question")]
        await add_examples(tx, wrong, by="admin", now=NOW, source="import")
        ids = {row.text: row.id for row in await tx.scalars(select(LabelledExample))}
    admin = await stage.client("admin")
    page = await admin.text("/nlu/checks/found")
    assert "有2处必须先改" in page and "同一句话，两个意思" in page and "可能含有隐私" in page and "程序自带" in page
    refused = await admin.post("/nlu/training/start")
    assert refused.status == 422 and "数据有2处必须先改" in await refused.text()
    assert "said=nlu_all_masked" in (await admin.post("/nlu/checks/mask")).headers["Location"]
    one = ids["药吃了三天也不见效"]
    assert (await admin.post(f"/nlu/examples/{one}", words="药吃了三天也不见效", intent="deny", **{"from": "checks"})).status == 422
    answer = await admin.post(f"/nlu/examples/{one}", words="那咱改天再唠哈", intent="goodbye", **{"from": "checks"})
    assert answer.headers["Location"].startswith("/console/nlu/checks")
    assert await examples(stage) == {"〔孩子〕的小本子搁哪儿办": "ask_question", "那咱改天再唠哈": "goodbye"}
    async with stage.db.transaction() as tx:
        assert "欧阳朵朵" not in " ".join(await tx.scalars(select(LabelledExample.text)))
    listed = await admin.text(f"/nlu/examples?q={quote('小本子')}")
    assert "〔孩子〕的小本子搁哪儿办" in listed and "那咱改天" not in listed
    assert (await admin.post(f"/nlu/examples/{one}/withdraw")).status == 422


async def candidate(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: int = 0) -> int:
    """What waits is trained and compared, with small stand-ins for the models; the version."""
    truth = {f"找人{n}": "human" for n in range(20)} | {f"问{n}": "ask_question" for n in range(20)}
    worse = {**truth, **dict(probes(ROOT)), **{f"找人{n}": "greet" for n in range(broken)}}
    before = {**truth, **dict(probes(ROOT)), "问3": "greet"}
    monkeypatch.setattr(comparing, "frozen", lambda root: list(truth.items()))
    monkeypatch.setattr(comparing, "dangerous", lambda root: [f"抽搐{n}" for n in range(20)])

    async def file_of(*given: Any) -> Path:
        return tmp_path

    async def small(work: Any, old: Path, new: Path, root: Path, said: Any) -> dict[str, Any]:
        return side_by_side(Reader(before), Reader(worse), root, said)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "file_of", file_of)
    async with stage.db.transaction() as tx:
        run_id = (await tx.scalars(select(TrainingRun.id).where(TrainingRun.state == "waiting"))).one()
    run = await training.run(stage.db, run_id, ROOT, lambda: stage.now, child=[*CHILD, str(tmp_path / "pids")], every=0.05)
    assert run.version_id is not None
    async with stage.db.transaction() as tx:
        asked = await comparing.ask(tx, run.version_id, by="admin", now=stage.now)
    await comparing.do(stage.db, asked.id, ROOT, tmp_path, lambda: stage.now, apart=small)
    return run.version_id


async def test_train_compare_publish_and_go_back(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    admin = await stage.client("admin")
    await label(stage, admin, await waiting(stage, "片子啥时候能瞧见呀姐姐"), "ask_results")
    assert "其中1句还没有训练过" in await admin.text("/nlu/training")
    assert "said=nlu_training" in (await admin.post("/nlu/training/start")).headers["Location"]
    page = await admin.text("/nlu/training")
    assert "排队中" in page and "现在没有工作进程" in page and "停止训练" in page
    assert "已经有一次训练" in await (await admin.post("/nlu/training/start")).text()
    version = await candidate(stage, monkeypatch, tmp_path)
    assert "没有明显变差，可以发布" in await admin.text("/nlu/training/run")
    page = await admin.text(f"/nlu/versions/{version}")
    assert "可以发布" in page and "问3" in page and "改对了的" in page and "没有新读错的" in page
    writer = await trainer(stage, "linyue")
    assert (await writer.get(f"/nlu/versions/{version}")).status == 403
    assert (await writer.post(f"/nlu/versions/{version}/publish")).status == 403
    answer = await admin.post(f"/nlu/versions/{version}/publish", reason="三月的新说法")
    assert "said=nlu_published" in answer.headers["Location"]
    page = await admin.text("/nlu/versions")
    assert f"现在用的：第{version}版" in page and "三月的新说法" in page and "周正" in page
    assert "said=nlu_rolled_back" in (await admin.post("/nlu/rollback", reason="听不懂的多了")).headers["Location"]
    assert "现在用的：程序自带的模型" in await admin.text("/nlu/versions")
    assert "没有可以退回的" in await (await admin.post("/nlu/rollback")).text()
    async with stage.db.transaction() as tx:
        refusals = set((await tx.scalars(select(AccessRefusal.what))).all())
        history = [row.version_id for row in await tx.scalars(select(Publication).order_by(Publication.id))]
    assert refusals == {"nlu.write", "nlu.publish"} and history == [version, None]


async def test_what_is_worse_says_why_and_cannot_be_published(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    admin = await stage.client("admin")
    await admin.post("/nlu/training/start")
    version = await candidate(stage, monkeypatch, tmp_path, broken=9)
    page = await admin.text(f"/nlu/versions/{version}")
    assert "不能发布" in page and "重要意图“找真人”变差了" in page and "新读错的" in page and "找人3" in page
    refused = await admin.post(f"/nlu/versions/{version}/publish")
    assert refused.status == 422 and "变差了" in await refused.text()
    assert "said=nlu_comparing" in (await admin.post(f"/nlu/versions/{version}/compare")).headers["Location"]
    assert "正在和现在用的模型比较" in await admin.text(f"/nlu/versions/{version}/state")
    assert "正在比较" in await (await admin.post(f"/nlu/versions/{version}/compare")).text()
    async with stage.db.transaction() as tx:
        assert [row.state for row in await tx.scalars(select(ModelComparison).order_by(ModelComparison.id))] == ["done", "waiting"]
    assert "said=nlu_discarded" in (await admin.post(f"/nlu/versions/{version}/discard")).headers["Location"]
    assert (await admin.get("/nlu/versions/99")).status == 404


@pytest.mark.browser
async def test_relabel_train_compare_publish(stage: Stage, browser_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    await waiting(stage, "片子啥时候能瞧见呀姐姐", "片子啥时候能瞧见呀妹妹", "娃的片子啥时候能瞧见呀")
    await waiting(stage, "那个蓝色小本子搁哪儿办", guess="ask_help")
    page = await browser_page("admin", "/nlu")
    await expect(page.locator("#texts li")).to_have_count(3)
    await keep_screenshot(page, "retraining")
    await assert_accessible(page)
    await page.keyboard.press("1")
    await expect(page.get_by_text("那个蓝色小本子搁哪儿办")).to_be_visible()
    await expect(page.get_by_text("已标为“问检查结果”，学3句")).to_be_visible()
    await page.keyboard.press("u")
    await expect(page.locator("#texts li")).to_have_count(3)
    await page.keyboard.press("1")
    await expect(page.get_by_text("那个蓝色小本子搁哪儿办")).to_be_visible()
    await page.keyboard.press("o")
    await page.get_by_role("button", name="问健康问题", exact=True).click()
    await expect(page.get_by_text("没有等着标的消息")).to_be_visible()
    assert len(await examples(stage)) == 4
    await page.get_by_role("link", name="检查", exact=True).click()
    await expect(page.get_by_text("没有必须改的问题，可以训练")).to_be_visible()
    await assert_accessible(page)
    await page.get_by_role("link", name="去训练").click()
    await page.get_by_role("button", name="开始训练").click()
    await expect(page.get_by_role("heading", name="正在训练")).to_be_visible()
    version = await candidate(stage, monkeypatch, tmp_path)
    await page.get_by_role("link", name="看比较结果").click()
    await expect(page.get_by_role("heading", name="可以发布")).to_be_visible()
    await assert_accessible(page)
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    assert await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    await page.get_by_role("button", name="发布", exact=True).click()
    await page.locator("dialog[open]").get_by_role("button", name="发布").click()
    await expect(page.get_by_role("heading", name=f"现在用的：第{version}版")).to_be_visible()
    await page.get_by_role("button", name="退回上一版").click()
    await page.locator("#back").get_by_role("button", name="退回").click()
    await expect(page.get_by_role("heading", name="现在用的：程序自带的模型")).to_be_visible()
