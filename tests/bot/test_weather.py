"""WeCom's bad weather: whatever a call answers, what was to be said arrives once, waits for the family, or is accounted for."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.inbox import store_items
from integrations.wecom.errors import WecomError
from records.care_plan import Task
from records.chat import Chat
from records.database import Database
from records.message import Inbound, Outbound, enqueue
from records.wecom import CallbackEvent, KfAccount
from tests.bot.conftest import Parrot
from tests.bot.stage import ACCOUNT, Family, Stage, open_stage

# Each is tried on every kind of call. More failures than the client repeats by itself reach the outbox and its back-off.
WEATHER: dict[str, list[dict[str, Any]]] = {
    "busy": [{"errcode": -1, "times": 5}],
    "token refused": [{"errcode": 40014}],
    "token expired, too many at once": [{"errcode": 42001}, {"errcode": 45033, "times": 2}],
    "token refused again and again": [{"errcode": 40014, "times": 5}],
    "broken proxy": [{"http_status": 502, "times": 5}],
    "garbage": [{"body": '{"errc', "times": 5}],
    "cut before it was read": [{"drop": True, "times": 5}],
    "cut after it was done": [{"drop": True, "after": True}],
    "cut after it was done, then busy": [{"drop": True, "after": True}, {"errcode": -1, "times": 9}],
    "cut before it was read, then busy": [{"drop": True}, {"errcode": -1, "times": 9}],
    "garbage after it was done": [{"body": "<html>", "after": True}],
    "the administrator has to act": [{"errcode": 60020, "times": 2}],
    "rate limit": [{"errcode": 45009, "window": 50}],
}
# The kinds that differ for calls other than send_msg.
SHORT = ("busy", "token refused", "broken proxy", "cut before it was read", "cut after it was done", "garbage after it was done")


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    """With a short patience, so that a slow platform costs a second and not five."""
    async with open_stage(db, Parrot(), tmp_path, patience=1.5) as opened:
        yield opened


async def turn_bad(stage: Stage, path: str, *faults: dict[str, Any]) -> None:
    for fault in faults:
        await stage.control("POST", "faults", path=path, **fault)


async def clear_up(stage: Stage) -> None:
    """Let time pass until all that fails has failed, and nothing waits but for the family."""
    for _ in range(8):
        rows = [row for route in ("kf", "kf_trans", "app") for row in await outbound(stage, route)]
        if not any(row.state in ("queued", "sending") and row.error != "window_closed" for row in rows):
            break
        await stage.move(timedelta(seconds=65))
    await stage.control("DELETE", "faults")


async def outbound(stage: Stage, route: str = "kf") -> list[Outbound]:
    async with stage.db.transaction() as tx:
        return list(await tx.scalars(select(Outbound).where(Outbound.route == route).order_by(Outbound.seq)))


async def arrived(stage: Stage, family: Family) -> list[str]:
    """What WeCom has taken for this family, by its own ledger."""
    return [message["body"]["content"] for message in (await stage.ledger())["messages"] if message["external_userid"] == family.user]


async def test_an_answer_arrives_once_in_any_weather(stage: Stage) -> None:
    for number, (name, faults) in enumerate(WEATHER.items()):
        mother = await stage.family(f"send{number}", {"name": "小满", "days": 400})
        await turn_bad(stage, "kf/send_msg", *faults)
        await mother.says(f"今天的天气：{name}")
        await clear_up(stage)
        assert await arrived(stage, mother) == [f"听到：今天的天气：{name}"], name
    await mother.says("第二句")
    assert await mother.last() == "听到：第二句"
    assert {row.state for row in await outbound(stage)} == {"sent"}


async def test_a_slow_answer_is_not_said_twice(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    for order in ({"delay": 2}, {"delay": 2, "after": True}):
        await turn_bad(stage, "kf/send_msg", order)
        await mother.says(f"慢 {len(order)}")
        await clear_up(stage)
    assert await arrived(stage, mother) == ["听到：慢 1", "听到：慢 2"]


async def test_what_the_window_refuses_waits_for_the_family(stage: Stage) -> None:
    refusals: dict[str, list[dict[str, Any]]] = {
        "95001": [{"errcode": 95001}],
        "95002": [{"errcode": 95002}],
        "95018": [{"errcode": 95018}],
        "95013": [{"errcode": 95013}],
        "lost, then 95001": [{"drop": True}, {"errcode": 95001}],
        "lost, then 95018": [{"drop": True}, {"errcode": 95018}],
        "taken, then 95001": [{"drop": True, "after": True}, {"errcode": 95001}],
    }
    for number, (name, faults) in enumerate(refusals.items()):
        mother = await stage.family(f"held{number}", {"name": "小满", "days": 400})
        await turn_bad(stage, "kf/send_msg", *faults)
        await mother.says("第一句")
        await clear_up(stage)
        assert await arrived(stage, mother) == (["听到：第一句"] if name.startswith("taken") else []), name
        assert (await outbound(stage))[-1].error == "window_closed", name
        await mother.says("第二句")
        assert await arrived(stage, mother) == ["听到：第一句", "听到：第二句"], name
    assert {row.state for row in await outbound(stage)} == {"sent"}


async def test_what_can_never_go_is_accounted_for(stage: Stage) -> None:
    for number, errcode in enumerate((40096, 40201, 45002, 99999)):
        mother = await stage.family(f"never{number}", {"name": "小满", "days": 400})
        await turn_bad(stage, "kf/send_msg", {"errcode": errcode})
        await mother.says("第一句")
        await clear_up(stage)
        row = (await outbound(stage))[-1]
        assert (row.state, bool(row.error)) == ("failed", True)
        # It does not stand in the way of what follows.
        await mother.says("第二句")
        assert await arrived(stage, mother) == ["听到：第二句"]


async def test_a_follow_up_that_cannot_arrive_is_on_the_nurses_list(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39})
    await mother.says("你好")
    await turn_bad(stage, "kf/send_msg", {"errcode": 95002})
    await stage.enrol(mother.patients[0])
    await stage.settle()
    async with stage.db.transaction() as tx:
        task = (await tx.scalars(select(Task).where(Task.state == "undeliverable"))).one()
    assert task.closed_at is not None
    assert await mother.hears() == ["听到：你好"]
    (row,) = [row for row in await outbound(stage) if row.purpose == "task"]
    assert row.state == "withdrawn"


async def test_a_delivery_that_fails_later_is_put_right_in_the_ledger(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await stage.control("POST", f"{mother.path}/refuse", on=True)
    await mother.says("今天挺好的")
    assert [(row.state, row.error) for row in await outbound(stage)] == [("failed", "msg_send_fail 10")]


async def test_an_alert_reaches_the_nurse_once_in_any_weather(stage: Stage) -> None:
    for number, name in enumerate([*SHORT, "cut after it was done, then busy", "cut before it was read, then busy", "rate limit"]):
        mother = await stage.family(f"card{number}", {"name": "小满", "days": 400})
        before = len(await stage.cards("linyue"))
        await turn_bad(stage, "message/send", *WEATHER[name])
        await mother.says("我要找人工")
        await clear_up(stage)
        assert len(await stage.cards("linyue")) == before + 1, name
        assert (await stage.flags())[-1].state == "delivered", name
    assert {row.state for row in await outbound(stage, "app")} == {"sent"}


async def test_a_card_that_wecom_refuses_is_made_anew_for_the_next_tier(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await turn_bad(stage, "message/send", {"errcode": 60020})
    await mother.says("我要找人工")
    assert (await outbound(stage, "app"))[0].state == "failed"
    assert len(await stage.cards("hemin")) == 1
    assert [flag.state for flag in await stage.flags()] == ["delivered"]


async def test_a_hand_over_happens_once_in_any_weather(stage: Stage) -> None:
    for number, name in enumerate([*SHORT, "the administrator has to act", "rate limit"]):
        mother = await stage.family(f"trans{number}", {"name": "小满", "days": 400})
        await turn_bad(stage, "kf/service_state/trans", *WEATHER[name])
        await mother.says("我要找人工")
        await clear_up(stage)
        chat = await mother.chat()
        assert (chat["service_state"], chat["servicer_userid"]) == (3, "linyue"), name
        assert len(await mother.hears()) == 1, name
    async with stage.db.transaction() as tx:
        assert set(await tx.scalars(select(Chat.state))) == {"human"}


async def test_no_message_is_missed_when_pulling_fails(stage: Stage) -> None:
    for number, name in enumerate(SHORT):
        mother = await stage.family(f"sync{number}", {"name": "小满", "days": 400})
        await turn_bad(stage, "kf/sync_msg", *WEATHER[name])
        await mother.says(f"今天的天气：{name}")
        assert await stage.control("GET", "faults") == [], name
        assert await arrived(stage, mother) == [f"听到：今天的天气：{name}"], name


async def test_a_rate_limit_on_pulling_is_respected_and_loses_nothing(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await stage.control("POST", "callback", lose=1)
    await stage.control("POST", f"{mother.path}/say", msgtype="text", text={"content": "第一句"})
    await turn_bad(stage, "kf/sync_msg", {"errcode": 45009, "window": 50})
    with pytest.raises(WecomError, match="rate_limited"):
        await stage.handlers["pull"](ACCOUNT)
    for _ in range(3):
        await stage.handlers["pull"](ACCOUNT)
    assert [each["count"] for each in (await stage.ledger())["rejected"] if each["path"] == "kf/sync_msg"] == [1]
    await stage.move(timedelta(seconds=61))
    await mother.says("第二句")
    assert " ".join(await arrived(stage, mother)).split() == ["听到：第一句", "听到：第二句"]


async def test_a_token_that_cannot_be_fetched_holds_everything_and_loses_nothing(stage: Stage) -> None:
    for number, name in enumerate(SHORT):
        mother = await stage.family(f"token{number}", {"name": "小满", "days": 400})
        await stage.control("POST", "tokens/revoke")
        await turn_bad(stage, "gettoken", *WEATHER[name])
        await mother.says(f"今天的天气：{name}")
        await clear_up(stage)
        assert await arrived(stage, mother) == [f"听到：今天的天气：{name}"], name


async def test_a_reset_secret_loses_nothing_until_the_administrator_has_acted(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("你好")
    # The answer to what was pulled before the secret was reset.
    await stage.control("POST", "tokens/revoke")
    await turn_bad(stage, "gettoken", {"errcode": 40001, "times": 3})
    chat = await the_chat(stage)
    async with stage.db.transaction() as tx:
        body = {"msgtype": "text", "text": {"content": "结果出来了"}}
        await enqueue(tx, "late", line=f"chat:{chat.id}", route="kf", payload=body, purpose="reply", chat_id=chat.id, now=stage.clock())
    await stage.settle()
    assert [(row.state, row.error) for row in await outbound(stage) if row.key == "late"] == [("queued", "bad_secret")]
    await clear_up(stage)
    assert await arrived(stage, mother) == ["听到：你好", "结果出来了"]


async def the_chat(stage: Stage) -> Chat:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Chat))).one()


async def test_small_and_empty_pages_and_repeated_and_shuffled_callbacks(stage: Stage) -> None:
    await stage.control("POST", "config", sync_page_max=2, sync_empty_every=2)
    await stage.control("POST", "callback", duplicate=4, reorder=True)
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says(*[f"第{number}句" for number in range(9)])
    heard = "\n".join(await arrived(stage, mother))
    assert [heard.count(f"第{number}句") for number in range(9)] == [1] * 9
    assert [heard.index(f"第{number}句") for number in range(9)] == sorted(heard.index(f"第{number}句") for number in range(9))


async def test_an_old_callbacks_token_is_left_out(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("你好")
    async with stage.db.transaction() as tx:
        account = await tx.get_one(KfAccount, ACCOUNT)
        account.news_token = "ENCexpired"
    await stage.control("POST", "callback", lose=1)
    await mother.says("在吗")
    await stage.handlers["pull"](ACCOUNT)
    await stage.settle()
    assert await arrived(stage, mother) == ["听到：你好", "听到：在吗"]


async def test_history_of_the_first_pull_is_kept_and_not_answered(stage: Stage) -> None:
    await stage.control("POST", "config", sync_page_max=2)
    await stage.control("POST", "callback", lose=6)
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    for number in range(6):
        await stage.control("POST", f"{mother.path}/say", msgtype="text", text={"content": f"前天第{number}句"})
    await stage.move(timedelta(days=2))
    await mother.says("现在呢")
    assert await arrived(stage, mother) == ["听到：现在呢"]
    async with stage.db.transaction() as tx:
        states = list(await tx.scalars(select(Inbound.state).order_by(Inbound.id)))
    assert states == ["recorded"] * 6 + ["done"]
    # Later, what waited while we were away is answered, however old it is.
    await stage.control("POST", "callback", lose=1)
    await stage.control("POST", f"{mother.path}/say", msgtype="text", text={"content": "有人吗"})
    await stage.move(timedelta(hours=5))
    await mother.says("还在吗")
    assert "听到：有人吗" in "\n".join(await arrived(stage, mother))


def item(msgid: str, user: str | None = "wmzhao", *, at: int, **more: Any) -> dict[str, Any]:
    said = {"msgid": msgid, "open_kfid": ACCOUNT, "send_time": at, "origin": 3, "msgtype": "text", "text": {"content": msgid}}
    return {**said, **({"external_userid": user} if user else {}), **more}


async def test_a_page_of_strange_items_holds_up_nobody(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    now = int(stage.clock().timestamp())
    strange: list[Any] = [
        item("later", at=now),
        item("earlier", at=now - 60),
        item("earlier", at=now - 60),
        "not an object",
        {"msgid": "no time"},
        item("no customer", None, at=now),
        item("unknown type", at=now, msgtype="hologram", hologram={"shape": "cat"}),
        item("odd body", at=now, text="just a string"),
        item("nul", at=now, text={"content": "疼\x00痛", "x\x00": float("nan")}),
        item("half a pair", at=now, text={"content": "好\ud83d的"}),
        item(
            "about a nurse", None, at=now, origin=4, msgtype="event", event={"event_type": "servicer_status_change", "open_kfid": ACCOUNT}
        ),
        item(
            "new event", at=now, origin=4, msgtype="event", event={"event_type": "moon", "open_kfid": ACCOUNT, "external_userid": "wmzhao"}
        ),
        item("no picture", at=now, msgtype="image", image="gone"),
    ]
    for _ in range(2):
        async with stage.db.transaction() as tx:
            await store_items(tx, strange, await tx.get_one(KfAccount, ACCOUNT), stage.clock())
    async with stage.db.transaction() as tx:
        kept = list(await tx.scalars(select(Inbound.msgid).order_by(Inbound.id)))
        aside = list(await tx.scalars(select(CallbackEvent.event).order_by(CallbackEvent.event)))
    assert kept == ["earlier", "later", "unknown type", "odd body", "nul", "half a pair", "new event", "no picture"]
    assert aside == ["servicer_status_change", "unreadable", "unreadable", "unreadable"]
    # The simulator has never seen these: WeCom would send because the family wrote, so let it write.
    await mother.says("你好")
    said = "\n".join(await mother.hears())
    assert "听到：earlier" in said
    assert "听到：疼\ufffd痛" in said
    assert "看不懂" in said
    assert "听到：你好" in said
    async with stage.db.transaction() as tx:
        picture = (await tx.scalars(select(Inbound).where(Inbound.msgid == "no picture"))).one()
    assert picture.outcome["media"] == {"error": "no_media_id"}


async def test_an_answer_that_wecom_refuses_for_good_is_a_nurses_to_give(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await stage.control("POST", "faults", path="kf/send_msg", times=1, errcode=40201)
    await mother.says("今天挺好的")
    assert await mother.hears() == []
    assert [(flag.category, flag.state) for flag in await stage.flags()] == [("reply_refused", "delivered")]
    assert "听到：今天挺好的" in (await stage.cards("linyue"))[-1]["template_card"]["quote_area"]["quote_text"]
