"""A family outside the window on its whole road: announced by another route, opened when it comes, a nurse's work when nothing helps."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from bot.jobs import Job, defer
from bot.links import know_contact_urls
from bot.push import PushPorts
from bot.reach import BY_HAND, Means, Message, reach_many, receipt
from integrations.push import PushFields, PushReceipt, PushRefused, PushResult
from integrations.wecom.outbound import text
from plans.consent import stop
from plans.reach.decide import NO_ROUTE
from plans.reach.route import Channels, Want
from plans.work_list import work_list
from records.database import Database
from records.friendship import befriend
from records.push_address import PushAddress, agree
from records.schema import Carer, Contact, Errand, Outbound, Staff, Task
from tests.bot.conftest import Parrot
from tests.bot.stage import ZONE, Family, Stage, open_stage

NEWBORN = {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39}
CHANNELS = Channels({"official_account": None, "sms": None})


@dataclass
class Channel:
    """A push channel in memory: what it took, and what it answers next."""

    took: list[tuple[str, PushFields, str, str]] = field(default_factory=list)
    refuses: list[PushRefused] = field(default_factory=list)

    async def push(self, address: str, template: str, fields: PushFields, link: str, key: str) -> PushResult:
        if self.refuses:
            raise self.refuses.pop(0)
        self.took.append((address, fields, link, key))
        return PushResult(f"m{len(self.took)}")

    def consent_template(self, template: str) -> str | None:
        return None


@dataclass
class Ward:
    stage: Stage
    mother: Family
    account: Channel
    sms: Channel

    async def follows(self, channel: str = "official_account", address: str = "oZhao") -> None:
        async with self.stage.db.transaction() as tx:
            row = await agree(
                tx, channel, address, consent="phone" if channel == "sms" else "follower", now=self.stage.clock() - timedelta(days=1)
            )
            row.carer_id = await tx.scalar(select(Carer.id))

    async def due(self) -> None:
        await self.stage.enrol(self.mother.patients[0])
        await self.stage.settle()

    async def contacts(self) -> list[tuple[str, str, str | None]]:
        async with self.stage.db.transaction() as tx:
            return [(row.route, row.state, row.error) for row in await tx.scalars(select(Contact).order_by(Contact.id))]

    async def errands(self, kind: str) -> list[str]:
        async with self.stage.db.transaction() as tx:
            return [row.text for row in await tx.scalars(select(Errand).where(Errand.kind == kind, Errand.state == "open"))]

    async def task(self) -> Task:
        async with self.stage.db.transaction() as tx:
            return (await tx.scalars(select(Task).where(Task.state != "scheduled").order_by(Task.id).limit(1))).one()

    async def enters(self, link: str) -> None:
        [token] = parse_qs(urlsplit(link).query)["scene_param"]
        await self.stage.control("POST", f"{self.mother.path}/enter", scene="careloop", scene_param=token)
        await self.stage.settle()


@pytest.fixture
async def ward(db: Database, tmp_path: Path) -> AsyncIterator[Ward]:
    account, sms = Channel(), Channel()
    async with open_stage(db, Parrot(), tmp_path, ports=PushPorts({"official_account": account, "sms": sms})) as stage:
        await know_contact_urls(db, stage.client)
        mother = await stage.family("zhao", NEWBORN)
        await mother.says("你好")
        await stage.move(timedelta(days=3))
        yield Ward(stage, mother, account, sms)


async def test_a_follower_is_told_by_the_official_account_and_the_question_greets_him(ward: Ward) -> None:
    await ward.follows()
    await ward.due()
    [(address, fields, link, key)] = ward.account.took
    assert (address, fields.title) == ("oZhao", "task") and "小满" not in link
    assert (await ward.task()).state == "sent" and (await ward.task()).chat_id is None
    assert await ward.contacts() == [("official_account", "sent", None)]
    heard = len(await ward.mother.hears())
    await ward.enters(link)
    assert len(await ward.mother.hears()) == heard + 1 and "体重" in await ward.mother.last()
    assert await ward.contacts() == [("official_account", "opened", None)]
    assert (await ward.task()).chat_id is not None
    await ward.enters(link)
    assert len(await ward.mother.hears()) == heard + 1
    await ward.mother.says("好的")
    assert await ward.contacts() == [("official_account", "answered", None)]
    assert len(ward.account.took) == 1 and key.endswith(":official_account:20260305")


async def test_a_family_that_writes_instead_of_tapping_is_asked_after_its_answer(ward: Ward) -> None:
    await ward.follows()
    await ward.due()
    heard = len(await ward.mother.hears())
    await ward.mother.says("在吗")
    told = (await ward.mother.hears())[heard:]
    assert len(told) == 2 and told[0].startswith("听到：在吗") and "体重" in told[1]
    assert await ward.contacts() == [("official_account", "answered", None)]


async def test_danger_comes_before_what_was_announced(ward: Ward) -> None:
    await ward.follows()
    await ward.due()
    heard = len(await ward.mother.hears())
    await ward.mother.says("孩子刚才抽搐了两分钟")
    assert not any("体重" in words for words in (await ward.mother.hears())[heard:])
    assert (await ward.task()).chat_id is None


async def test_a_link_that_was_passed_on_tells_a_stranger_nothing(ward: Ward) -> None:
    await ward.follows()
    await ward.due()
    [(_, _, link, _)] = ward.account.took
    stranger = await ward.stage.stranger("qian")
    [token] = parse_qs(urlsplit(link).query)["scene_param"]
    await ward.stage.control("POST", f"{stranger.path}/enter", scene="careloop", scene_param=token)
    await ward.stage.settle()
    [greeting] = await stranger.hears()
    assert "小满" not in greeting and "失效" not in greeting
    assert await ward.contacts() == [("official_account", "sent", None)]


async def test_who_has_blocked_one_channel_is_told_by_the_next_once(ward: Ward) -> None:
    await ward.follows()
    await ward.follows("sms", "13800000001")
    ward.account.refuses.append(PushRefused("not_subscribed", permanent=True))
    await ward.due()
    assert await ward.contacts() == [("official_account", "refused", "not_subscribed"), ("sms", "sent", None)]
    assert len(ward.sms.took) == 1 and not ward.account.took
    async with ward.stage.db.transaction() as tx:
        ended = {row.channel: row.until is not None for row in await tx.scalars(select(PushAddress))}
    assert ended == {"official_account": True, "sms": False}


async def test_a_receipt_that_says_no_looks_for_another_route(ward: Ward) -> None:
    await ward.follows()
    await ward.follows("sms", "13800000001")
    await ward.due()
    now = ward.stage.clock()
    async with ward.stage.db.transaction() as tx:
        told = PushReceipt("official_account", "m1", "oZhao", False, "user_blocked", now)
        await receipt(tx, told, now=now, means=Means(ZONE, CHANNELS))
    await ward.stage.settle()
    assert await ward.contacts() == [("official_account", "refused", "user_blocked"), ("sms", "sent", None)]
    async with ward.stage.db.transaction() as tx:
        told = PushReceipt("sms", "m1", "13800000001", True, None, now, key=None)
        await receipt(tx, told, now=now, means=Means(ZONE, CHANNELS))
    assert (await ward.contacts())[1] == ("sms", "delivered", None)


async def test_a_push_whose_fate_is_unknown_is_not_repeated(ward: Ward) -> None:
    await ward.follows()
    ward.account.refuses.append(PushRefused("unknown_outcome", permanent=False))
    await ward.due()
    await ward.stage.move(timedelta(minutes=30))
    assert await ward.contacts() == [("official_account", "sent", None)] and not ward.account.took


async def test_a_busy_channel_is_tried_again_and_a_doubled_job_says_nothing_twice(ward: Ward) -> None:
    await ward.follows()
    ward.account.refuses += [PushRefused("busy", permanent=False), PushRefused("rate_limited", permanent=False, retry_after=60)]
    await ward.due()
    await ward.stage.move(timedelta(minutes=3))
    await ward.stage.move(timedelta(minutes=3))
    task = await ward.task()
    async with ward.stage.db.transaction() as tx:
        line = str(await tx.scalar(select(Outbound.line).where(Outbound.route == "official_account")))
        await defer(tx, [Job("run_task", str(task.id)), Job("deliver", line, lock=line), Job("deliver", line)])
    await ward.stage.settle()
    assert len(ward.account.took) == 1


async def test_silence_after_a_push_is_reminded_by_a_push(ward: Ward) -> None:
    await ward.follows()
    await ward.due()
    await ward.stage.move(timedelta(hours=5))
    assert (await ward.task()).state == "reminded" and len(ward.account.took) == 2
    await ward.stage.move(timedelta(hours=10))
    assert (await ward.task()).state == "missed"


async def test_a_friend_is_written_to_by_his_nurse_where_no_channel_is(ward: Ward) -> None:
    async with ward.stage.db.transaction() as tx:
        await befriend(tx, [("wmzhao", "linyue")], ward.stage.clock())
        now = ward.stage.clock()
        carer = (await tx.scalars(select(Carer))).one()
        want = Want("push:1", carer.id, "push", ward.mother.patients[0], useful_until=now + timedelta(days=1))
        decided = await reach_many(tx, [Message(want, text("复诊请带好病历"))], now=now, means=Means(ZONE, Channels(group_send=False)))
    assert decided["push:1"].route == "hand"
    [said] = await ward.errands(BY_HAND)
    assert "可以这样说" in said and await ward.contacts() == [("hand", "sent", None)]
    await ward.mother.says("好的")
    assert "复诊请带好病历" in await ward.mother.last() and await ward.contacts() == [("hand", "answered", None)]


async def test_a_family_that_nothing_reaches_is_one_errand_until_it_writes(ward: Ward) -> None:
    await ward.due()
    for _ in range(2):
        await ward.stage.move(timedelta(days=1))
    assert len(await ward.errands(NO_ROUTE)) == 1 and await ward.contacts() == []
    async with ward.stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        assert [item.kind for item in await work_list(tx, lin, ward.stage.clock())] == ["errand"]
    await ward.mother.says("在的")
    await ward.stage.move(timedelta(days=1))
    assert await ward.errands(NO_ROUTE) == []


async def test_what_is_queued_is_held_at_night_and_taken_back_when_the_family_stops(ward: Ward) -> None:
    await ward.follows()
    await ward.mother.says("在吗")
    await ward.stage.move(timedelta(hours=10))
    now = ward.stage.clock()
    async with ward.stage.db.transaction() as tx:
        carer = (await tx.scalars(select(Carer))).one()
        wants = [Want(f"push:{n}", carer.id, "push", useful_until=now + timedelta(days=1)) for n in range(2)]
        decided = await reach_many(tx, [Message(want, text("请看")) for want in wants], now=now, means=Means(ZONE, CHANNELS))
        assert {each.route for each in decided.values()} == {"kf"}
        ward.stage.clock.offset += timedelta(hours=2)
    await ward.stage.settle()
    assert [state for _, state, _ in await ward.contacts()] == ["planned"] * 2
    async with ward.stage.db.transaction() as tx:
        await stop(tx, (await tx.scalars(select(Carer))).one(), ward.stage.clock())
    await ward.stage.move(timedelta(hours=11))
    assert [(state, error) for _, state, error in await ward.contacts()] == [("withdrawn", "stopped")] * 2
    assert not any("请看" in words for words in await ward.mother.hears())


async def test_one_message_of_the_window_is_always_left_for_safety(ward: Ward) -> None:
    await ward.mother.says("在吗")
    body: Any = text("请看")
    now = ward.stage.clock()
    async with ward.stage.db.transaction() as tx:
        chat_id = await tx.scalar(select(Outbound.chat_id).where(Outbound.chat_id.is_not(None)).limit(1))
        for n in range(6):
            row = {"key": f"push:{n}", "line": f"chat:{chat_id}", "chat_id": chat_id, "route": "kf", "payload": body, "purpose": "push"}
            tx.add(Outbound(**row, not_before=now, created_at=now, response={}))
        await defer(tx, [Job("deliver", f"chat:{chat_id}", lock=f"chat:{chat_id}")])
    await ward.stage.settle()
    # The reply and three of the six; the fifth message is kept.
    assert sum("请看" in words for words in await ward.mother.hears()) == 3
    async with ward.stage.db.transaction() as tx:
        alert = row | {"key": "alert:1", "payload": text("请拨打120"), "purpose": "alert"}
        tx.add(Outbound(**alert, not_before=now, created_at=now, response={}))
        await defer(tx, [Job("deliver", f"chat:{chat_id}", lock=f"chat:{chat_id}")])
    await ward.stage.settle()
    assert await ward.mother.last() == "请拨打120"
    assert (await ward.stage.ledger())["rejected"] == []
