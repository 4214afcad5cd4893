"""The inbox: who waits, what was said, what a clinician may send, and the way of her words to the family and back to the bot."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.clinician import author_of
from integrations.wecom import kf
from plans.content.live import take_in
from plans.questionnaire import newest
from records.chat import Chat
from records.chat_desk import CannedAnswer, ChatNote
from records.database import Database
from records.flag import Flag
from records.message import Inbound, Outbound
from records.patient import Carer, Patient, PatientCarer, ReadAudit
from records.questionnaire import QuestionnaireResponse
from records.refusal import AccessRefusal
from records.role import Role, StaffRole
from records.staff import OnCall, Staff, Team, TeamMember
from records.state import StateChange
from tests.bot.stage import ACCOUNT, Family
from tests.console.inbox_stage import Inbox, open_inbox
from tests.console.stage import NOW, Client, Stage, open_stage

NASTY = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
LISTED = re.compile(r'<a href="/console/inbox/(\d+)"')


@pytest.fixture
async def inbox(db: Database, tmp_path: Path) -> AsyncIterator[Inbox]:
    async with open_inbox(db, tmp_path) as opened:
        yield opened


@dataclass
class Planted:
    """A chat of 朵朵's mother with the team 随访中心, made of rows."""

    stage: Stage
    chat: int
    media: Path

    async def heard(self, text: str | None, at: datetime, **more: Any) -> int:
        """The mother's message, recorded."""
        async with self.stage.db.transaction() as tx:
            given = {"msgtype": "text", "origin": 3, "body": {}, "state": "done", "outcome": {}} | more
            row = Inbound(chat_id=self.chat, msgid=secrets.token_hex(8), text=text, sent_at=at, received_at=at, **given)
            tx.add(row)
            await tx.flush()
            return row.id


@pytest.fixture
async def planted(db: Database, tmp_path: Path) -> AsyncIterator[Planted]:
    async with open_stage(db, media=tmp_path / "media") as stage:
        async with db.transaction() as tx:
            patient = (await tx.scalars(select(Patient).where(Patient.record_number == "D0001"))).one()
            carer = Carer(name=NASTY, external_userid="wmZhao", phone="13800000001")
            tx.add(carer)
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
            chat = Chat(
                open_kfid="wk1", external_userid="wmZhao", carer_id=carer.id, team_id=patient.team_id, opened_at=NOW, window_from=NOW
            )
            tx.add(chat)
            await tx.flush()
        (tmp_path / "media").mkdir()
        yield Planted(stage, chat.id, tmp_path / "media")


async def mother(inbox: Inbox, nickname: str = "赵晓燕", child: str = "朵朵") -> Family:
    return await inbox.road.family(nickname, {"name": child, "days": 400})


async def says(client: Client, chat_id: int, words: str, *, nonce: str | None = None, hold: str = "") -> Any:
    return await client.post(f"/inbox/{chat_id}/say", words=words, nonce=nonce or secrets.token_hex(8), hold=hold)


async def test_a_family_is_answered_from_the_page_and_handed_back(inbox: Inbox) -> None:
    family = await mother(inbox)
    await family.says("宝宝今天有点咳")
    chat, linyue = await inbox.chat_of(family), await inbox.client("linyue")
    page = await linyue.text(f"/inbox/{chat.id}")
    assert "助手接待" in page
    assert "接手并发送" in page
    assert '还能发 <b class="num">4</b> / 5 条' in page

    assert (await says(linyue, chat.id, "咳了几天？")).status == 303
    await inbox.road.settle()
    # The ledger of the platform has it, under her name, and the chat is hers.
    assert await family.last() == "【护士 林悦】\n咳了几天？"
    assert (await family.chat())["service_state"] == 1
    chat = await inbox.chat_of(family)
    assert chat.state == "human"
    [row] = await inbox.rows("clinician")
    assert (row.state, author_of(row.key)) == ("sent", chat.owner_id)

    # While she has it the bot keeps quiet, and triage does not.
    heard = await family.hears()
    await family.says("两天了", "刚才抽搐了，叫不醒")
    assert await family.hears() == heard
    danger = (await inbox.road.flags())[-1]
    assert danger.level == "emergency"
    page = await linyue.text(f"/inbox/{chat.id}")
    for words in ("宝宝今天有点咳", "听到：宝宝今天有点咳", "咳了几天？", "林悦接手了对话", "刚才抽搐了，叫不醒", "由您接待"):
        assert words in page

    answer = await linyue.post(f"/inbox/{chat.id}/end", outcome="sent_to_emergency", note="已叫 120", flag=str(danger.id))
    assert answer.status == 303
    await family.says("谢谢")
    assert await family.last() == "听到：谢谢"
    async with inbox.road.db.transaction() as tx:
        flag = await tx.get_one(Flag, danger.id)
        last = (await tx.scalars(select(StateChange).where(StateChange.entity == "chat").order_by(StateChange.id.desc()))).first()
    assert (flag.state, flag.outcome) == ("closed", "sent_to_emergency")
    assert last is not None
    assert last.detail == {"outcome": "sent_to_emergency", "note": "已叫 120"}
    assert "林悦结束了对话，结果：已请家属去急诊：已叫 120" in await linyue.text(f"/inbox/{chat.id}")


async def test_a_double_click_sends_once(inbox: Inbox) -> None:
    family = await mother(inbox)
    await family.says("在吗")
    chat, linyue = await inbox.chat_of(family), await inbox.client("linyue")
    nonce = secrets.token_hex(8)
    for _ in range(2):
        assert (await says(linyue, chat.id, "在的", nonce=nonce)).status == 303
    await inbox.road.settle()
    assert (await family.hears()).count("【护士 林悦】\n在的") == 1
    assert (await says(linyue, chat.id, "在的", nonce="../1")).status == 409
    assert len(await inbox.rows("clinician")) == 1


async def test_another_teams_chat_is_not_there(planted: Planted) -> None:
    await planted.heard("在吗", NOW)
    qinlan, chat = await planted.stage.client("qinlan"), planted.chat
    assert LISTED.findall(await qinlan.text("/inbox")) == []
    assert LISTED.findall(await qinlan.text("/inbox/list?q=%E6%9C%B5")) == []
    for path in ("", "/lines", "/beside", "/articles", "/media/1"):
        assert (await qinlan.get(f"/inbox/{chat}{path}")).status == 404
    for path in ("say", "take", "back", "end", "from-wecom", "in-wecom", "withdraw", "note", "article", "questionnaire", "alert/take"):
        assert (await qinlan.post(f"/inbox/{chat}/{path}", words="x", nonce=secrets.token_hex(8))).status == 404
    assert (await qinlan.get("/inbox/999999999999999999")).status == 404
    async with planted.stage.db.transaction() as tx:
        assert len(list(await tx.scalars(select(AccessRefusal.path)))) == 17
        assert list(await tx.scalars(select(ReadAudit.id))) == []
        assert list(await tx.scalars(select(Outbound.key))) == []


async def test_who_may_only_read_in_a_child_s_team_does_nothing_for_that_child(planted: Planted) -> None:
    """Lin belongs to the teams of two siblings, and may act in one of them."""
    async with planted.stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        other = (await tx.scalars(select(Team).where(Team.name == "呼吸科"))).one()
        role = Role(code="reader", name="只读", rights=["care.read"])
        tx.add_all([role, TeamMember(team_id=other.id, staff_id=lin.id)])
        await tx.flush()
        tx.add(StaffRole(staff_id=lin.id, role_id=role.id, team_id=other.id))
        chat = await tx.get_one(Chat, planted.chat)
        own, sibling = [(await tx.scalars(select(Patient).where(Patient.record_number == number))).one() for number in ("D0001", "R0001")]
        tx.add(PatientCarer(patient_id=sibling.id, carer_id=chat.carer_id, relationship="母亲"))
        flags = [
            Flag(
                chat_id=chat.id, patient_id=child.id, team_id=child.team_id, level="urgent", category=f"fever_{child.id}", said="烧",
                because="发热", raised_at=NOW,
            )
            for child in (own, sibling)
        ]  # fmt: skip
        tx.add_all(flags)
        await tx.flush()
        mine, theirs = (flag.id for flag in flags)
    client, path = await planted.stage.client("linyue"), f"/inbox/{planted.chat}"
    assert "果果" in await client.text(path)
    for deed, form in {
        "/alert/take": {"flag": str(theirs)},
        "/alert/close": {"flag": str(theirs), "outcome": "advised"},
        "/end": {"flag": str(theirs), "outcome": "advised"},
        "/article": {"patient": str(sibling.id), "code": "x", "nonce": secrets.token_hex(8)},
        "/questionnaire": {"patient": str(sibling.id), "form": next(iter(newest())), "nonce": secrets.token_hex(8)},
    }.items():
        assert (await client.post(path + deed, **form)).status == 403, deed
    async with planted.stage.db.transaction() as tx:
        assert (await tx.get_one(Flag, theirs)).state == "raised"
        assert list(await tx.scalars(select(Outbound.key))) == []
    assert (await client.post(f"{path}/alert/close", flag=str(mine), outcome="advised")).status == 303
    async with planted.stage.db.transaction() as tx:
        assert (await tx.get_one(Flag, mine)).state == "closed"


async def test_who_waits_for_a_person_stands_first(inbox: Inbox) -> None:
    quiet, calls, mine = await mother(inbox, "钱", "小宇"), await mother(inbox, "孙", "果果"), await mother(inbox, "李", "乐乐")
    for family in (calls, mine, quiet):
        await family.says("你好")
    linyue = await inbox.client("linyue")
    await linyue.post(f"/inbox/{(await inbox.chat_of(mine)).id}/take")
    async with inbox.road.db.transaction() as tx:
        # Nobody is at work, so that the call stays open and the bot keeps the chat.
        for row in await tx.scalars(select(OnCall)):
            await tx.delete(row)
    await calls.says("转人工")
    await inbox.road.move(timedelta(minutes=12))
    order = [int(id) for id in LISTED.findall(await linyue.text("/inbox"))]
    assert order == [(await inbox.chat_of(each)).id for each in (calls, mine, quiet)]
    page = await linyue.text("/inbox")
    assert "已等 12分钟" in page
    assert "加急" in page
    # Hers waits too once the family has written again, and shows as unread until she opens it.
    await mine.says("还在吗")
    page = await linyue.text("/inbox")
    assert 'aria-label="1条未读"' in page
    await linyue.text(f"/inbox/{(await inbox.chat_of(mine)).id}")
    assert "条未读" not in await linyue.text("/inbox")
    assert LISTED.findall(await linyue.text("/inbox/list?q=%E6%9E%9C%E6%9E%9C")) == [str((await inbox.chat_of(calls)).id)]
    assert "没有找到" in await linyue.text("/inbox/list?q=%25")


async def test_five_messages_are_counted_and_the_rest_waits_for_the_family(inbox: Inbox) -> None:
    family = await mother(inbox)
    await family.says("你好")
    chat, linyue = await inbox.chat_of(family), await inbox.client("linyue")
    for number in range(4):
        assert (await says(linyue, chat.id, f"第{number}句")).status == 303
    await inbox.road.settle()
    refused = await says(linyue, chat.id, "第五句")
    assert (refused.status, "5 条消息已经用完" in await refused.text()) == (409, True)
    page = await linyue.text(f"/inbox/{chat.id}")
    assert "家长最近一次发言之后，5 条消息已经用完" in page
    assert (await says(linyue, chat.id, "第五句", hold="1")).status == 303
    assert (await says(linyue, chat.id, "不要了", hold="1")).status == 303
    await inbox.road.settle()
    page = await linyue.text(f"/inbox/{chat.id}")
    assert page.count("已存下，等家长下次发言时发出") == 2
    key = next(row.key for row in await inbox.rows("clinician") if "不要了" in str(row.payload))
    assert (await linyue.post(f"/inbox/{chat.id}/withdraw", key=key)).status == 303
    # WeCom tells whole seconds: within the one of the five messages her word would be taken for one before them.
    await inbox.road.move(timedelta(seconds=2))
    await family.says("好的")
    assert await family.last() == "【护士 林悦】\n第五句"
    assert (await linyue.post(f"/inbox/{chat.id}/withdraw", key=key)).status == 409


async def test_after_48_hours_nothing_goes_out_and_the_page_says_why(planted: Planted) -> None:
    planted.stage.now = NOW + timedelta(hours=49)
    linyue = await planted.stage.client("linyue")
    page = await linyue.text(f"/inbox/{planted.chat}")
    for words in ("超过 48 小时", "可以打电话", "13800000001", "存下，等家长发言时发出"):
        assert words in page
    assert (await says(linyue, planted.chat, "还好吗")).status == 409


async def test_a_session_in_wecom_is_taken_back_lawfully(inbox: Inbox) -> None:
    family = await mother(inbox)
    await family.says("转人工")
    assert (await family.chat())["service_state"] == 3
    chat, hemin = await inbox.chat_of(family), await inbox.client("hemin")
    page = await hemin.text(f"/inbox/{chat.id}")
    assert "会话正在企业微信里由林悦接待" in page
    refused = await says(hemin, chat.id, "我来回")
    assert (refused.status, await refused.text()) == (409, "会话正在企业微信里接待，请先收回会话。")
    assert (await hemin.post(f"/inbox/{chat.id}/from-wecom", words="我是何敏", nonce=secrets.token_hex(8))).status == 303
    await inbox.road.settle()
    state = await family.chat()
    assert state["service_state"] == 4
    assert await family.last() == "【护士 何敏】\n我是何敏"
    page = await hemin.text(f"/inbox/{chat.id}")
    assert "由您接待" in page
    assert "等家长再发一句话才能回复" in page
    # The family's next word is hers, not the bot's.
    heard = await family.hears()
    await family.says("好的")
    assert await family.hears() == heard
    assert (await says(hemin, chat.id, "请说")).status == 303
    await inbox.road.settle()
    assert await family.last() == "【护士 何敏】\n请说"
    await hemin.post(f"/inbox/{chat.id}/back")
    await family.says("没事了")
    assert await family.last() == "听到：没事了"
    assert not [call for call in (await inbox.road.ledger())["rejected"] if call.get("errcode") == 95018]


async def test_a_servicer_who_was_faster_is_noticed(inbox: Inbox) -> None:
    family = await mother(inbox)
    await family.says("你好")
    chat, hemin = await inbox.chat_of(family), await inbox.client("hemin")
    # Somebody else's program gave it to her, and nothing told us.
    await kf.service_state_trans(inbox.road.client, ACCOUNT, family.user, kf.HUMAN, "linyue")
    assert (await says(hemin, chat.id, "我来回")).status == 303
    await inbox.road.settle()
    page = await hemin.text(f"/inbox/{chat.id}")
    assert "没有送达：会话正在企业微信里接待" in page
    assert "会话正在企业微信里由林悦接待" in page
    assert "我来回" not in str(await family.hears())


async def test_a_note_is_never_sent_and_markup_stays_text(planted: Planted) -> None:
    await planted.heard(NASTY, NOW)
    linyue = await planted.stage.client("linyue")
    assert (await linyue.post(f"/inbox/{planted.chat}/note", note=NASTY)).status == 303
    assert (await linyue.post(f"/inbox/{planted.chat}/note", note="x" * 1001)).status == 409
    assert (await linyue.post(f"/inbox/{planted.chat}/note", note=" ")).status == 409
    for path in ("/inbox", f"/inbox/{planted.chat}"):
        page = await linyue.text(path)
        assert "&lt;script&gt;window.hacked=1" in page
        assert "<script>window" not in page
        assert "<img src=x" not in page
    async with planted.stage.db.transaction() as tx:
        assert (await tx.scalars(select(ChatNote.text))).all() == [NASTY]
        assert list(await tx.scalars(select(Outbound.key))) == []


async def test_an_article_and_a_questionnaire_are_sent(inbox: Inbox) -> None:
    await take_in(inbox.road.db, inbox.road.clock)
    family = await mother(inbox)
    await family.says("你好")
    chat, linyue = await inbox.chat_of(family), await inbox.client("linyue")
    listed = await linyue.text(f"/inbox/{chat.id}/articles?find=%E5%8F%91%E7%83%AD")
    code = re.search(r'name="code" value="([^"]+)"', listed)
    assert code is not None
    nonce = secrets.token_hex(8)
    for _ in range(2):
        assert (await linyue.post(f"/inbox/{chat.id}/article", code=code[1], nonce=nonce)).status == 303
    await inbox.road.settle()
    assert (await family.last()).startswith("【") or "有用" in await family.last()
    assert {row.state for row in await inbox.rows("clinician")} == {"sent"}
    assert (await linyue.post(f"/inbox/{chat.id}/article", code="nothing", nonce=secrets.token_hex(8))).status == 409
    await family.says("谢谢")
    assert (await linyue.post(f"/inbox/{chat.id}/questionnaire", form="satisfaction", nonce=secrets.token_hex(8))).status == 303
    await inbox.road.settle()
    assert "回复“填问卷”" in await family.last()
    async with inbox.road.db.transaction() as tx:
        assert (await tx.scalars(select(QuestionnaireResponse.state))).all() == ["assigned"]


async def test_canned_answers_are_the_teams(planted: Planted) -> None:
    linyue, qinlan = await planted.stage.client("linyue"), await planted.stage.client("qinlan")
    assert linyue.seat is not None
    team = str(next(iter(linyue.seat.teams)))
    added = await linyue.post("/inbox/canned", team=team, title="喂奶", text="{name}吃完奶请竖着拍嗝。")
    assert added.status == 303
    assert "朵朵吃完奶请竖着拍嗝。" in await linyue.text(f"/inbox/{planted.chat}")
    async with planted.stage.db.transaction() as tx:
        number = (await tx.scalars(select(CannedAnswer.id))).one()
    assert "拍嗝" not in await qinlan.text("/inbox/canned")
    assert (await qinlan.post(f"/inbox/canned/{number}", title="x", text="y")).status == 404
    assert (await qinlan.post("/inbox/canned", team=team, title="x", text="y")).status == 404
    assert (await linyue.post(f"/inbox/canned/{number}", title="", text="y")).status == 409
    assert (await linyue.post(f"/inbox/canned/{number}/drop")).status == 303
    assert "拍嗝" not in await linyue.text("/inbox/canned")


async def test_an_alert_is_taken_and_closed_beside_the_chat(inbox: Inbox) -> None:
    family = await mother(inbox)
    await family.says("宝宝抽搐了，叫不醒")
    chat, hemin, qinlan = await inbox.chat_of(family), await inbox.client("hemin"), await inbox.client("qinlan")
    [flag] = await inbox.road.flags()
    assert "宝宝抽搐了，叫不醒" in await hemin.text(f"/inbox/{chat.id}/beside")
    assert (await qinlan.post(f"/inbox/{chat.id}/alert/close", flag=str(flag.id), outcome="handled")).status == 404
    assert (await hemin.post(f"/inbox/{chat.id}/alert/take", flag=str(flag.id))).status == 303
    assert (await hemin.post(f"/inbox/{chat.id}/alert/take", flag=str(flag.id))).status == 409
    assert (await hemin.post(f"/inbox/{chat.id}/alert/close", flag=str(flag.id), outcome="nonsense")).status == 409
    assert (await hemin.post(f"/inbox/{chat.id}/alert/close", flag=str(flag.id), outcome="came_in", note="明早门诊")).status == 303
    await inbox.road.settle()
    [flag] = await inbox.road.flags()
    assert (flag.state, flag.outcome) == ("closed", "came_in")
    assert (await inbox.road.cards("linyue"))[-1]["card_state"]["disabled"]


async def test_older_lines_are_loaded(planted: Planted) -> None:
    for number in range(150):
        # Two at each moment: no page's border may fall between them unseen.
        await planted.heard(f"第{number}条", NOW - timedelta(minutes=200 - number // 2))
    linyue = await planted.stage.client("linyue")
    page = whole = await linyue.text(f"/inbox/{planted.chat}")
    assert ">第149条<" in page
    assert ">第10条<" not in page
    while (more := re.search(r'/lines\?before=([^"]+)"', page)) is not None:
        page = await linyue.text(f"/inbox/{planted.chat}/lines?before={more[1]}")
        whole += page
    assert [whole.count(f'"said">第{number}条<') for number in range(150)] == [1] * 150
    assert (await linyue.get(f"/inbox/{planted.chat}/lines?before=x")).status == 400


async def test_a_familys_files_are_shown_as_what_they_are(planted: Planted) -> None:
    folder = planted.media
    (folder / "picture").write_bytes(b"\x89PNG\r\n\x1a\n...")
    (folder / "page").write_bytes(b"<script>window.hacked=1</script>")
    secret = folder.parent / "secret"
    secret.write_bytes(b"keys")
    kept = [{"media": {"file": name}} for name in ("picture", "page", "../secret", "gone")]
    picture, page, outside, gone = [await planted.heard(None, NOW, msgtype="image", outcome=each) for each in kept]
    linyue = await planted.stage.client("linyue")
    where = f"/inbox/{planted.chat}/media"
    assert (await linyue.get(f"{where}/{picture}")).content_type == "image/png"
    answer = await linyue.get(f"{where}/{page}")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for message in (outside, gone):
        assert (await linyue.get(f"{where}/{message}")).status == 404
    assert f'src="/console{where}/{picture}"' in await linyue.text(f"/inbox/{planted.chat}")
