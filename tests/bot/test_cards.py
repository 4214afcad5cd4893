"""An alert's life on the clinicians' phones: taken, passed on, closed, or repeated until somebody has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.private import free_port
from integrations.wecom.callback import Callback
from integrations.wecom.signed import signature
from records.flag import Flag, FlagNotice
from records.message import Outbound
from records.staff import OnCall, Staff, TeamMember
from records.state import StateChange
from records.wecom import CallbackEvent
from tests.bot.stage import Family, Stage

DANGER = "宝宝刚才抽搐了，叫不醒"


async def alarmed(stage: Stage, nickname: str = "zhao", said: str = DANGER) -> Family:
    """A family has said something that must not wait."""
    mother = await stage.family(nickname, {"name": "小满", "days": 400})
    await mother.says(said)
    return mother


async def flag_of(stage: Stage) -> Flag:
    (flag,) = await stage.flags()
    return flag


async def colleague(stage: Stage, userid: str, name: str, tier: int) -> None:
    """One more on call in the team."""
    async with stage.db.transaction() as tx:
        staff = Staff(userid=userid, name=name, title="护士")
        tx.add(staff)
        await tx.flush()
        tx.add_all([TeamMember(team_id=stage.team, staff_id=staff.id), OnCall(team_id=stage.team, staff_id=staff.id, tier=tier)])


async def buttons(stage: Stage, userid: str) -> list[list[str]]:
    """What can be read on the buttons of each of a clinician's cards."""
    return [[button["text"] for button in card["template_card"]["button_list"]] for card in await stage.cards(userid)]


ALIVE = ["接手", "转交", "已处理"]


async def test_taking_an_alert_stops_its_clock_and_tells_the_others(stage: Stage) -> None:
    await colleague(stage, "zhouwei", "周玮", 1)
    mother = await alarmed(stage)
    assert await buttons(stage, "linyue") == await buttons(stage, "zhouwei") == [ALIVE]
    (mine,), (other,) = await stage.cards("linyue"), await stage.cards("zhouwei")
    await stage.click("linyue", mine, "claim")
    flag = await flag_of(stage)
    assert (flag.state, flag.next_at) == ("acknowledged", None)
    assert flag.acknowledged_at is not None
    assert await buttons(stage, "linyue") == [["已处理", "转交"]]
    assert await buttons(stage, "zhouwei") == [["已由林悦接手"]]
    assert ((await mother.chat())["service_state"], (await mother.chat())["servicer_userid"]) == (3, "linyue")
    await stage.move(timedelta(minutes=30))
    assert len(await stage.cards("linyue")) + len(await stage.cards("zhouwei")) + len(await stage.cards("hemin")) == 2

    # A click that was under way when somebody else was faster changes nothing.
    await forged_click(stage, "zhouwei", other["task_id"], "claim", "late")
    await forged_click(stage, "zhouwei", other["task_id"], "transfer", "late too")
    assert (await flag_of(stage)).owner_id == flag.owner_id
    assert ((await mother.chat())["service_state"], (await mother.chat())["servicer_userid"]) == (3, "linyue")

    await stage.click("linyue", (await stage.cards("linyue"))[0], "close")
    flag = await flag_of(stage)
    assert (flag.state, flag.outcome) == ("closed", "handled")
    assert await buttons(stage, "linyue") == [["林悦已处理"]]


async def test_passing_an_alert_to_a_colleague(stage: Stage) -> None:
    await alarmed(stage)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "claim")
    await stage.click("linyue", (await stage.cards("linyue"))[0], "transfer", to=["hemin"])
    flag = await flag_of(stage)
    assert (flag.state, flag.owner_id) == ("delivered", None)
    assert flag.next_at is not None
    assert await buttons(stage, "linyue") == [["林悦已转交何敏"]]
    assert await buttons(stage, "hemin") == [ALIVE]
    await stage.click("hemin", (await stage.cards("hemin"))[0], "claim")
    assert (await flag_of(stage)).state == "acknowledged"


async def test_passing_an_alert_to_the_next_tier_asks_the_doctor_and_not_oneself(stage: Stage) -> None:
    mother = await alarmed(stage)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "transfer")
    assert await buttons(stage, "linyue") == [["林悦已转交下一级值班"]]
    assert await buttons(stage, "hemin") == [ALIVE]
    assert (await flag_of(stage)).tier == 2
    # Silence there is silence too.
    await stage.move(timedelta(minutes=2, seconds=1))
    assert len(await stage.cards("hemin")) == 2
    # From the last tier there is no further one: everybody is asked.
    await stage.click("hemin", (await stage.cards("hemin"))[-1], "transfer", to=["next_tier"])
    assert (await buttons(stage, "linyue"))[-1] == ALIVE
    assert "120" in await mother.last()


async def test_closing_an_alert_nobody_took(stage: Stage) -> None:
    await alarmed(stage)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "close")
    flag = await flag_of(stage)
    assert (flag.state, flag.next_at) == ("closed", None)
    assert flag.acknowledged_at is not None
    assert await buttons(stage, "linyue") == [["林悦已处理"]]
    await stage.move(timedelta(hours=1))
    assert len(await stage.cards("linyue")) == 1


# clinical.md: emergency every 2 minutes, the backup after two rounds; urgent at 15 and 30 minutes, the backup after one.
@pytest.mark.parametrize(
    ("said", "every", "to_the_doctor"),
    [(DANGER, timedelta(minutes=2), [0, 0, 1, 2]), ("孩子一天没尿了", timedelta(minutes=15), [0, 1, 2, 3])],
    ids=["emergency", "urgent"],
)
async def test_silence_is_acted_upon(stage: Stage, said: str, every: timedelta, to_the_doctor: list[int]) -> None:
    mother = await alarmed(stage, said=said)
    for number, doctors in enumerate(to_the_doctor, 1):
        assert (len(await stage.cards("linyue")), len(await stage.cards("hemin"))) == (number, doctors)
        honest = [words for words in await mother.hears() if "还没有回应" in words]
        assert len(honest) == (number >= 3)
        assert all("010-5555-0101" in words for words in honest)
        # Not before its time.
        await stage.move(every - timedelta(seconds=20))
        assert len(await stage.cards("linyue")) == number
        await stage.move(timedelta(seconds=21))
    # It does not end in silence, but with whoever takes it.
    asked = len(await stage.cards("hemin"))
    await stage.click("hemin", (await stage.cards("hemin"))[-1], "claim")
    await stage.move(timedelta(hours=5))
    assert len(await stage.cards("hemin")) == asked
    assert {button for card in await buttons(stage, "linyue") for button in card} == {"已由何敏接手"}


async def test_a_clinician_whom_wecom_does_not_know_is_not_waited_for(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        nurse.userid = "gone"
    mother = await alarmed(stage)
    assert await buttons(stage, "hemin") == [ALIVE]
    flag = await flag_of(stage)
    assert (flag.state, flag.tier) == ("delivered", 2)
    assert not [said for said in await mother.hears() if "还没有回应" in said]
    async with stage.db.transaction() as tx:
        assert sorted(await tx.scalars(select(FlagNotice.state))) == ["delivered", "invalid", "invalid"]


async def test_when_wecom_knows_nobody_it_is_tried_again_and_the_family_hears_the_truth(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        for staff in await tx.scalars(select(Staff)):
            staff.userid = f"gone-{staff.userid}"
    mother = await alarmed(stage)
    rounds = (await flag_of(stage)).round
    assert rounds == 2
    for _ in range(2):
        await stage.move(timedelta(seconds=31))
    flag = await flag_of(stage)
    assert (flag.state, flag.round) == ("raised", rounds + 2)
    assert len([said for said in await mother.hears() if "还没有回应" in said]) == 1


async def test_a_tier_without_anybody_is_skipped(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        duty = (await tx.scalars(select(OnCall).where(OnCall.staff_id == nurse.id))).one()
        duty.ends_at = stage.clock() - timedelta(hours=1)
    await alarmed(stage)
    assert await buttons(stage, "hemin") == [ALIVE]
    assert await buttons(stage, "linyue") == []


async def forged_click(stage: Stage, userid: str, task_id: str, key: str, code: str, *, settle: bool = True) -> None:
    """A click as WeCom's callback brings it, whoever could have made it."""
    app = stage.simulator.config.apps[0]
    assert app.callback is not None
    lock = Callback(app.callback.token, app.callback.encoding_aes_key, stage.simulator.config.corp_id)
    encrypted = lock.encrypt(
        f"<xml><ToUserName>corp</ToUserName><FromUserName>{userid}</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>"
        f"<Event>template_card_event</Event><EventKey>{key}</EventKey><TaskId>{task_id}</TaskId>"
        f"<CardType>button_interaction</CardType><ResponseCode>{code}</ResponseCode><AgentID>{app.agentid}</AgentID></xml>"
    )
    at = str(int(stage.clock().timestamp()))
    query = {"timestamp": at, "nonce": "1", "msg_signature": signature(app.callback.token, at, "1", encrypted)}
    body = f"<xml><Encrypt>{encrypted}</Encrypt></xml>"
    async with stage.session.post(f"{stage.gateway_url}/wecom/callback", params=query, data=body) as answer:
        assert answer.status == 200
    if settle:
        await stage.settle()


async def effects(stage: Stage) -> tuple[Any, ...]:
    """All that a click could change."""
    flag = await flag_of(stage)
    async with stage.db.transaction() as tx:
        changes = await tx.scalar(select(func.count()).select_from(StateChange))
        sent = await tx.scalar(select(func.count()).select_from(Outbound))
        codes = list(await tx.scalars(select(FlagNotice.response_code).order_by(FlagNotice.id)))
    return flag.state, flag.owner_id, flag.next_at, flag.round, changes, sent, codes


async def test_a_clinician_of_another_team_is_refused(stage: Stage) -> None:
    await alarmed(stage)
    (card,) = await stage.cards("linyue")
    before = await effects(stage)
    for key in ("claim", "transfer", "close"):
        await forged_click(stage, "qinlan", card["task_id"], key, f"code of {key}")
        await forged_click(stage, "nobody", card["task_id"], key, f"nobody's code of {key}")
        assert await effects(stage) == before
    async with stage.db.transaction() as tx:
        errors = set(await tx.scalars(select(CallbackEvent.error).where(CallbackEvent.event == "template_card_event")))
    assert errors == {"access_refused"}
    # Lin succeeds where Qin failed, and her card can still be changed.
    await stage.click("linyue", card, "claim")
    assert (await flag_of(stage)).state == "acknowledged"
    assert await buttons(stage, "linyue") == [["已处理", "转交"]]


async def test_a_click_that_comes_five_times_has_one_effect(stage: Stage) -> None:
    await alarmed(stage)
    await stage.control("POST", "callback", duplicate=4, reorder=True)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "transfer")
    assert len(await stage.cards("hemin")) == 1
    async with stage.db.transaction() as tx:
        moved = list(await tx.scalars(select(StateChange.new).where(StateChange.entity == "flag").order_by(StateChange.id)))
        clicks = await tx.scalar(select(func.count()).where(CallbackEvent.event == "template_card_event"))
    assert (moved.count("delivered"), clicks) == (1, 1)


async def test_an_unknown_button_or_card_does_nothing(stage: Stage) -> None:
    await alarmed(stage)
    (card,) = await stage.cards("linyue")
    before = await effects(stage)
    await forged_click(stage, "linyue", "flag-999-1-1", "claim", "a")
    await forged_click(stage, "linyue", "not a card; drop table flag", "claim", "b")
    assert await effects(stage) == before
    await forged_click(stage, "linyue", card["task_id"], "dance", "c")
    assert (await effects(stage))[:-1] == before[:-1]
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).where(CallbackEvent.handled_at.is_(None))) == 0


async def test_a_click_that_cannot_be_carried_out_is_set_aside(stage: Stage) -> None:
    await alarmed(stage)
    (card,) = await stage.cards("linyue")
    await forged_click(stage, "linyue", card["task_id"], "claim", "<a>1</a><b>2</b>", settle=False)
    # The sweep offers it again, but not for ever.
    await stage.move(timedelta(seconds=21))
    async with stage.db.transaction() as tx:
        event = (await tx.scalars(select(CallbackEvent).where(CallbackEvent.event == "template_card_event"))).one()
    assert event.handled_at is not None
    assert event.attempts == 5
    assert event.error
    await stage.click("linyue", card, "claim")
    assert (await flag_of(stage)).state == "acknowledged"


async def test_an_alert_that_comes_back_reaches_somebody_again(stage: Stage) -> None:
    mother = await alarmed(stage)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "claim")
    # While she is there, it is hers.
    await mother.says("又抽搐了")
    assert (await flag_of(stage)).state == "acknowledged"
    assert len(await stage.cards("linyue")) == 1
    # An hour later nobody has written, and the alert was never closed.
    await stage.move(timedelta(hours=1))
    await mother.says("又抽搐了")
    flag = await flag_of(stage)
    assert (flag.state, flag.repeats) == ("delivered", 2)
    assert await buttons(stage, "linyue") == [["已处理", "转交"], ALIVE]


async def test_a_card_that_is_late_shows_who_was_faster(stage: Stage) -> None:
    await colleague(stage, "zhouwei", "周玮", 1)
    # The second card of the round waits: WeCom is busy.
    await stage.control("POST", "faults", path="message/send", errcode=45009, window=50)
    await alarmed(stage)
    assert await stage.cards("linyue") == await stage.cards("zhouwei") == []
    await stage.move(timedelta(seconds=61))
    assert await buttons(stage, "linyue") == await buttons(stage, "zhouwei") == [ALIVE]
    await stage.control("POST", "faults", path="message/send", errcode=45009, window=50)
    await stage.move(timedelta(seconds=61))
    # Round 2 waits. It is not wanted any more once somebody has the alert.
    await stage.click("linyue", (await stage.cards("linyue"))[0], "claim")
    await stage.move(timedelta(minutes=70))
    assert await buttons(stage, "zhouwei") == [["已由林悦接手"]]
    assert await buttons(stage, "linyue") == [["已处理", "转交"]]


@contextmanager
def gateway_down(stage: Stage) -> Iterator[None]:
    """Nobody listens where WeCom calls, for longer than WeCom tries. It keeps no copy of a click, and nothing can be asked for it."""
    target = stage.simulator.config.apps[0].callback
    assert target is not None
    url = target.url
    target.url = f"http://127.0.0.1:{free_port()}/wecom/callback"
    try:
        yield
    finally:
        target.url = url


async def lost_click(stage: Stage, userid: str, card: dict[str, Any], key: str) -> None:
    await stage.control("POST", "config", callback_retry_delay=0)
    with gateway_down(stage):
        await stage.click(userid, card, key)
    tried = [each["outcome"] for each in stage.simulator.callbacks.recent() if each["event"] == "template_card_event"]
    assert len(tried) == 4
    assert "200" not in tried


@pytest.mark.parametrize("key", ["claim", "transfer", "close"])
async def test_an_alert_whose_click_was_lost_comes_again_and_its_next_card_works(stage: Stage, key: str) -> None:
    await alarmed(stage)
    await lost_click(stage, "linyue", (await stage.cards("linyue"))[0], key)
    flag = await flag_of(stage)
    assert (flag.state, flag.owner_id, flag.round) == ("delivered", None, 1)
    assert flag.next_at is not None
    await stage.move(timedelta(minutes=2, seconds=1))
    old, new = await stage.cards("linyue")
    assert old["task_id"] != new["task_id"]
    await stage.click("linyue", new, "claim")
    assert (await flag_of(stage)).state == "acknowledged"
    # The card whose click was lost does not go on asking.
    assert await buttons(stage, "linyue") == [["已由林悦接手"], ["已处理", "转交"]]
    await stage.move(timedelta(minutes=30))
    assert len(await stage.cards("linyue")) == 2
    assert await stage.cards("hemin") == []


async def test_an_alert_whose_click_was_lost_goes_on_to_the_next_tier_and_the_family_hears_so(stage: Stage) -> None:
    mother = await alarmed(stage)
    await lost_click(stage, "linyue", (await stage.cards("linyue"))[0], "claim")
    for _ in range(2):
        await stage.move(timedelta(minutes=2, seconds=1))
    assert (await flag_of(stage)).tier == 2
    assert "还没有回应" in await mother.last()
    await stage.click("hemin", (await stage.cards("hemin"))[0], "claim")
    assert (await flag_of(stage)).state == "acknowledged"
    assert await buttons(stage, "linyue") == [["已由何敏接手"]] * 3
