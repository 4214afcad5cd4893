"""A content reaches the family: in its hours, within window and budget, with its pictures, and never once it was taken back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.contents import keep_contents
from plans.content.check import check_content
from plans.content.lifecycle import Draft, publish, review, save_draft, take_back
from plans.content.media import check_media
from plans.content.model import Block, Link, Media, MiniProgram
from plans.content.push import push_content, run_pushes
from plans.content.store import keep_media
from records.chat import Chat
from records.contact import Contact
from records.content import ContentMedia, ContentPush, ContentVersion
from records.content_read import ContentRead, reads
from records.database import Database
from records.message import Outbound
from records.patient import Carer, Patient
from records.staff import Staff
from tests.bot.conftest import Parrot
from tests.bot.stage import ZONE, Family, Stage, open_stage
from tests.plans.content.conftest import article
from tests.plans.content.files import mp4, pdf, png

CHILD = {"name": "小满", "days": 9}
BODY = "每天洗手，换膜不沾水。" * 4 + "发热请立即来院，喘不上气请拨打120。"


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, Parrot(), tmp_path) as opened:
        yield opened


async def published(stage: Stage, code: str = "line-care", **changes: Any) -> None:
    """林悦 writes it, 何敏 reviews and publishes it."""
    content, now = article(code, **{"body": BODY, **changes}), stage.clock()
    checked = check_content(content)
    async with stage.db.transaction() as tx:
        lin, he = [(await tx.scalars(select(Staff).where(Staff.userid == userid))).one() for userid in ("linyue", "hemin")]
        await save_draft(tx, Draft(content, checked), team_id=None, by=lin, now=now, zone=ZONE)
        await review(tx, code, by=he, now=now, checked=checked)
        await publish(tx, code, by=he, now=now, zone=ZONE)


async def kept(stage: Stage, name: str, data: bytes) -> Media:
    media = check_media(name, data)
    async with stage.db.transaction() as tx:
        await keep_media(tx, [media], by="linyue", now=stage.clock())
    return Media(file=name, sha256=media.sha256)


async def pushed(stage: Stage, family: Family, code: str = "line-care", *, key: str = "rule:7", **how: Any) -> None:
    async with stage.db.transaction() as tx:
        patient = await tx.get_one(Patient, family.patients[0])
        await push_content(tx, patient, code, because="出院第3天", key=key, now=stage.clock(), **how)
    await stage.settle()


async def the_push(stage: Stage, key: str = "rule:7") -> ContentPush:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(ContentPush).where(ContentPush.key == key))).one()


async def messages(family: Family) -> list[dict[str, Any]]:
    """What the bot has sent since the family's last words."""
    heard = (await family.chat())["messages"]
    said = max((place for place, message in enumerate(heard) if message["from"] == "customer"), default=-1)
    return [message for message in heard[said + 1 :] if message["from"] == "bot"]


async def window_used(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Chat.window_used))).one()


async def talking(stage: Stage) -> Family:
    family = await stage.family("zhao", CHILD)
    await family.says("您好")
    return family


async def test_a_content_comes_with_its_question_and_is_rated(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage)
    await pushed(stage, family)
    *_, last = await messages(family)
    menu = last["msgmenu"]
    assert menu["head_content"].startswith("【置管在家怎么护】") and "120" in menu["head_content"] and "审阅" in menu["head_content"]
    useful, useless = (item["click"] for item in menu["list"])
    assert (useful["content"], useless["content"]) == ("有用", "没帮上")
    await family.says("有用", menu_id=useful["id"])
    push = await the_push(stage)
    async with stage.db.transaction() as tx:
        [read] = await tx.scalars(select(ContentRead))
        assert (read.how, read.because, read.useful, read.version, read.id) == ("push", "出院第3天", True, 1, push.read_id)
        [figures] = await reads(tx)
        assert (figures.pushed, figures.answered, figures.useful) == (1, 0, 1)
        [contact] = await tx.scalars(select(Contact))
        assert (contact.purpose, contact.route, contact.about) == ("content", "kf", f"content:{push.id}")


async def test_the_same_key_sends_once_and_the_same_content_not_again_this_month(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage)
    for key in ("rule:7", "rule:7", "rule:8"):
        await pushed(stage, family, key=key)
    assert (await the_push(stage, "rule:8")).reason == "seen"
    await pushed(stage, family, key="nurse:1", again=True)
    assert (await the_push(stage, "nurse:1")).state == "sent"
    assert sum("置管在家怎么护" in said for said in await family.hears()) == 2


async def test_pictures_files_and_cards_go_as_what_they_are(stage: Stage) -> None:
    family = await talking(stage)
    cover = await kept(stage, "封面.png", png())
    await published(stage, "a1", blocks=[Block(picture=cover), Block(video=await kept(stage, "a.mp4", mp4()))])
    await pushed(stage, family, "a1", key="k1")
    assert [message["msgtype"] for message in await messages(family)][-3:] == ["msgmenu", "image", "video"]
    await stage.move(timedelta(minutes=1))
    await family.says("谢谢")
    await stage.move(timedelta(days=1))
    link = Block(link=Link(url="https://hospital.example/a", title="门诊时间", about="周一到周五", picture=cover))
    await published(stage, "a2", blocks=[Block(file=await kept(stage, "手册.pdf", pdf())), link])
    await pushed(stage, family, "a2", key="k2")
    sent = await messages(family)
    assert [message["msgtype"] for message in sent][-2:] == ["file", "link"]
    assert sent[-1]["link"]["title"] == "门诊时间"
    await stage.move(timedelta(minutes=1))
    await family.says("谢谢")
    await stage.move(timedelta(days=1))
    card = Block(miniprogram=MiniProgram(appid="wx1234567890abcdef", page="pages/visit.html", title="预约", picture=cover))
    await published(stage, "a3", blocks=[card])
    await pushed(stage, family, "a3", key="k3")
    assert (await messages(family))[-1]["msgtype"] == "miniprogram"
    assert not (await stage.ledger())["rejected"]


async def test_a_media_id_is_used_again_and_renewed_before_it_is_three_days_old(stage: Stage) -> None:
    family = await talking(stage)
    cover = await kept(stage, "a.png", png())

    async def media_id() -> str | None:
        async with stage.db.transaction() as tx:
            return await tx.scalar(select(ContentMedia.wecom_id))

    ids = []
    for number, day in enumerate((0, 1, 3)):
        await published(stage, f"a{number}", blocks=[Block(picture=cover)])
        await family.says("您好")
        await pushed(stage, family, f"a{number}", key=f"k{number}")
        ids.append(await media_id())
        assert (await messages(family))[-1]["msgtype"] == "image"
        await stage.move(timedelta(days=day + 0.5))
        await stage.move(timedelta(days=0.5))
    assert ids[0] == ids[1] != ids[2]


async def test_at_night_it_waits_for_the_family_s_hour(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage)
    await stage.move(timedelta(hours=13))
    await pushed(stage, family)
    push = await the_push(stage)
    assert (push.state, push.reason) == ("waiting", "quiet")
    await stage.move(timedelta(hours=10, minutes=40))
    assert (await the_push(stage)).state == "sent"


async def test_a_closed_window_makes_it_wait_and_troubles_nobody(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage)
    await stage.move(timedelta(hours=49))
    await pushed(stage, family)
    assert (await the_push(stage)).reason == "window_closed"
    await family.says("在吗")
    await stage.move(timedelta(hours=1))
    assert (await the_push(stage)).state == "sent"


async def test_one_message_stays_in_reserve(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage)
    async with stage.db.transaction() as tx:
        chat = (await tx.scalars(select(Chat))).one()
        chat.window_used = 4
    await pushed(stage, family)
    assert (await the_push(stage)).reason == "over_quota"


async def test_what_nobody_may_hear_is_refused_at_once(stage: Stage) -> None:
    family = await talking(stage)
    await pushed(stage, family, "nothing", key="k1")
    assert ((await the_push(stage, "k1")).state, (await the_push(stage, "k1")).reason) == ("refused", "not_published")
    await published(stage)
    async with stage.db.transaction() as tx:
        (await tx.get_one(Patient, family.patients[0])).died_at = stage.clock()
    await pushed(stage, family, key="k2")
    assert (await the_push(stage, "k2")).reason == "died"


async def test_a_stopped_family_hears_nothing(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage)
    async with stage.db.transaction() as tx:
        (await tx.scalars(select(Carer))).one().stopped_at = stage.clock()
    await pushed(stage, family)
    assert ((await the_push(stage)).state, (await the_push(stage)).reason) == ("waiting", "stopped")
    await stage.move(timedelta(days=4))
    assert ((await the_push(stage)).state, (await the_push(stage)).reason) == ("expired", "stopped")


async def test_what_was_withdrawn_in_the_meantime_does_not_go(stage: Stage) -> None:
    """It stands in the outbox already, and the line has not been sent yet."""
    family = await talking(stage)
    await published(stage)
    async with stage.db.transaction() as tx:
        patient = await tx.get_one(Patient, family.patients[0])
        await push_content(tx, patient, "line-care", because="出院第3天", key="rule:7", now=stage.clock())
        await run_pushes(tx, stage.clock(), ZONE, page=False)
    used = await window_used(stage)
    async with stage.db.transaction() as tx:
        he = (await tx.scalars(select(Staff).where(Staff.userid == "hemin"))).one()
        await take_back(tx, "line-care", by=he, now=stage.clock(), reason="有误", wrong=True)
    await stage.settle()
    async with stage.db.transaction() as tx:
        [row] = await tx.scalars(select(Outbound).where(Outbound.purpose == "content"))
    assert (row.state, row.error) == ("failed", "content_withdrawn")
    assert not any("置管" in said for said in await family.hears())
    assert await window_used(stage) == used


async def test_a_longer_article_brings_its_page(stage: Stage) -> None:
    family = await talking(stage)
    await published(stage, blocks=[Block(heading="怎么做"), Block(text="先洗手，再换膜。" * 100)])
    await pushed(stage, family)
    *_, last = await messages(family)
    view = last["msgmenu"]["list"][0]
    assert view["type"] == "view" and "/h5/content/" in view["view"]["url"]
    assert "小满" not in str(last)


async def test_its_time_is_over_and_its_review_is_due(stage: Stage) -> None:
    await published(stage, expires="2026-03-20", review_by="2026-03-25")
    await keep_contents(stage.db, stage.clock, ZONE)
    await stage.settle()
    for _ in range(2):
        await keep_contents(stage.db, stage.clock, ZONE)
        await stage.settle()
    told = await stage.control("GET", "members/hemin/messages")
    assert ["内容待复审" in message["text"]["content"] for message in told] == [True]
    await stage.move(timedelta(days=19))
    await keep_contents(stage.db, stage.clock, ZONE)
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(ContentVersion.state)) == "expired"
        assert await tx.scalar(select(func.count()).where(Outbound.purpose == "content_review")) == 2
