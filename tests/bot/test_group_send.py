"""客户群发: friends of a nurse are asked about in one task, nothing goes out before her tap, and each family has its own result."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.friends import keep_friends
from bot.group_send import GroupSends
from bot.links import know_contact_urls
from bot.reach import Means
from plans.reach.route import Channels
from records.schema import Contact, Friendship, GroupSend, Outbound, Task
from tests.bot.stage import ZONE, Family, Stage


async def friends(stage: Stage, *names: str) -> list[Family]:
    """Families whose window has closed, friends of nurse Lin, each with a follow-up that is due."""
    await know_contact_urls(stage.db, stage.client)
    found = []
    for name in names:
        family = await stage.family(name, {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39})
        await family.says("你好")
        await stage.control("POST", "members/linyue/contacts", external_userid=family.user)
        found.append(family)
    await stage.move(timedelta(days=3))
    for family in found:
        await stage.enrol(family.patients[0])
    await stage.settle()
    return found


def groups(stage: Stage) -> GroupSends:
    return GroupSends(stage.db, stage.client, stage.clock, Means(ZONE, Channels()))


async def pending(stage: Stage) -> list[dict[str, Any]]:
    told = await stage.control("GET", "members/linyue/groupmsg")
    return list(told["groupmsg"] if isinstance(told, dict) else told)


async def contacts(stage: Stage) -> list[tuple[str, str, str | None]]:
    async with stage.db.transaction() as tx:
        return [(row.route, row.state, row.error) for row in await tx.scalars(select(Contact).order_by(Contact.id))]


async def tasks(stage: Stage) -> set[str]:
    async with stage.db.transaction() as tx:
        return set(await tx.scalars(select(Task.state).where(Task.state != "scheduled")))


async def test_one_tap_for_all_and_a_result_for_each(stage: Stage) -> None:
    mothers = await friends(stage, "zhao", "qian", "sun")
    assert await contacts(stage) == [("group_send", "planned", None)] * 3 and await pending(stage) == []
    await stage.move(timedelta(minutes=11))
    [task] = await pending(stage)
    assert any("3位家属" in str(message) for message in await stage.control("GET", "members/linyue/messages"))
    assert all("小满" not in str(each) for each in (task, await pending(stage)))
    await stage.control("DELETE", f"members/linyue/contacts/{mothers[2].user}?by=customer")
    await stage.control("POST", f"members/linyue/groupmsg/{task['msgid']}/confirm")
    await stage.move(timedelta(minutes=6))
    assert await groups(stage).look() == 1 and await groups(stage).look() == 0
    await stage.settle()
    assert sorted(await contacts(stage), key=str)[:2] == [("group_send", "delivered", None)] * 2
    assert ("group_send", "refused", "not_a_friend") in await contacts(stage)
    assert await tasks(stage) == {"sent", "undeliverable"}
    await mothers[0].says("看到了")
    assert "体重" in await mothers[0].last()
    assert ("group_send", "answered", None) in await contacts(stage)


async def test_a_task_whose_answer_was_lost_is_found_again_and_not_made_twice(stage: Stage) -> None:
    await friends(stage, "zhao")
    await stage.control("POST", "faults", path="externalcontact/add_msg_template", times=1, drop=True, after=True)
    await stage.move(timedelta(minutes=11))
    await stage.move(timedelta(minutes=11))
    assert len(await pending(stage)) == 1
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(Outbound.state).where(Outbound.route == "group_send"))).one() == "sent"
        assert len((await tx.scalars(select(GroupSend))).all()) == 1


async def test_a_member_who_never_taps_is_reminded_and_then_passed_over(stage: Stage) -> None:
    await friends(stage, "zhao")
    await stage.move(timedelta(minutes=11))
    await stage.move(timedelta(hours=4))
    await groups(stage).look()
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(GroupSend.reminded_at))).one() is not None
    await stage.move(timedelta(hours=24))
    await groups(stage).look()
    await stage.settle()
    assert ("group_send", "failed", "not_confirmed") in await contacts(stage)
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(GroupSend.state))).first() == "cancelled"


@pytest.mark.usefixtures("stage")
async def test_friendships_follow_wecom(stage: Stage) -> None:
    zhao, qian = await stage.family("zhao"), await stage.family("qian")
    for family in (zhao, qian):
        await stage.control("POST", "members/linyue/contacts", external_userid=family.user)
    await stage.settle()

    async def known() -> list[tuple[str, bool]]:
        async with stage.db.transaction() as tx:
            rows = await tx.scalars(select(Friendship).order_by(Friendship.external_userid))
            return [(row.external_userid, row.until is None) for row in rows]

    assert await known() == [("wmqian", True), ("wmzhao", True)]
    await stage.control("DELETE", f"members/linyue/contacts/{zhao.user}?by=member")
    await stage.settle()
    assert await known() == [("wmqian", True), ("wmzhao", False)]
    async with stage.db.transaction() as tx:
        for row in await tx.scalars(select(Friendship)):
            row.until = None if row.external_userid == "wmzhao" else stage.clock()
    assert await keep_friends(stage.db, stage.client, stage.clock) == 1
    assert await known() == [("wmqian", True), ("wmzhao", False)]
