"""From the follow in WeChat to the push on her telephone and its receipt: official account, mini program and texts, all simulated."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.links import know_contact_urls
from integrations.push import PushFields, PushRefused
from records.contact import Contact
from records.database import Database
from records.patient import Carer
from records.push_address import PushAddress, addresses, spend
from records.wecom import CallbackEvent
from tests.bot.channels import LONG, Channels
from tests.bot.stage import Stage, open_stage

LINK = "https://work.weixin.qq.com/kfid/kfc1?enc_scene=ENCx&scene_param=t.812"
ZHAO = "u-zhao"


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, None, tmp_path, push=True) as opened:
        yield opened


@pytest.fixture
def channels(stage: Stage) -> Channels:
    assert stage.channels is not None
    return stage.channels


async def mother(stage: Stage, channels: Channels, *, unionid: str | None = ZHAO, phone: str | None = None) -> int:
    """赵女士, whom the hospital knows from the chat; her carer's id."""
    user = "wm-zhao"
    await stage.control("POST", "customers", nickname="赵女士", external_userid=user, **({"unionid": unionid} if unionid else {}))
    channels.introduce(ZHAO)
    await stage.family("other", {"name": "别人", "days": 9})
    family = await stage.family("hers", {"name": "小满", "days": 9})
    async with stage.db.transaction() as tx:
        carer = (await tx.scalars(select(Carer).where(Carer.external_userid == family.user))).one()
        carer.external_userid, carer.phone = user, phone
    return carer.id


async def she(stage: Stage, channels: Channels, act: str, **fields: Any) -> Any:
    async with stage.session.post(f"{channels.url}/weixin/sim/{act}", json={"unionid": ZHAO, **fields}) as answer:
        assert answer.status == 200, await answer.text()
        body = await answer.json()
    await stage.settle()
    return body


async def reached(stage: Stage, carer: int) -> set[tuple[str, str]]:
    """Channel and consent of all that reaches her now for the template `task`."""
    async with stage.db.transaction() as tx:
        rows = (await addresses(tx, [carer], stage.clock())).get(carer, [])
        now = stage.clock()
        return {(row.channel, row.consent) for row in rows if row.opens(stage.ports.consent_template(row.channel, "task"), now)}  # type: ignore[arg-type]


async def address(stage: Stage, channel: str) -> PushAddress:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(PushAddress).where(PushAddress.channel == channel, PushAddress.consent != "visitor"))).one()


async def push(stage: Stage, channel: Any, to: str, key: str = "task:812:push") -> str:
    result = await stage.ports.push(channel, to, "task", PushFields("task", stage.clock()), LINK, key)
    await stage.settle()
    return result.message_id


async def test_a_mother_who_follows_the_account_is_found_and_reached(stage: Stage, channels: Channels) -> None:
    carer = await mother(stage, channels)
    await she(stage, channels, "follow")
    assert await reached(stage, carer) == {("official_account", "follower")}
    row = await address(stage, "official_account")
    assert (row.address, row.unionid, row.carer_id) == (channels.openid(ZHAO), ZHAO, carer)
    assert await push(stage, "official_account", row.address)
    [sent] = channels.weixin.world.sent
    assert sent.body["data"]["thing1"] == {"value": "随访任务提醒"} and sent.body["url"] == LINK
    await she(stage, channels, "unfollow")
    assert await reached(stage, carer) == set()
    with pytest.raises(PushRefused, match="not_subscribed"):
        await push(stage, "official_account", row.address, "task:813:push")


async def test_a_follower_whom_nobody_knows_is_found_when_she_comes_to_the_chat(stage: Stage, channels: Channels) -> None:
    channels.introduce(ZHAO)
    await she(stage, channels, "follow")
    assert (await address(stage, "official_account")).carer_id is None
    carer = await mother(stage, channels)
    await stage.handlers["find_carers"]("due")
    assert await reached(stage, carer) == {("official_account", "follower")}


async def test_without_a_unionid_nobody_is_taken_for_somebody_else(stage: Stage, channels: Channels) -> None:
    carer = await mother(stage, channels, unionid=None)
    await she(stage, channels, "follow")
    assert await reached(stage, carer) == set()
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).where(PushAddress.channel == "kf", PushAddress.unionid.is_not(None))) == 0


async def test_the_platform_is_asked_once_a_day_for_what_it_does_not_know(stage: Stage, channels: Channels) -> None:
    await mother(stage, channels, unionid=None)
    asked = lambda: stage.simulator.world.rejected_calls, len(stage.simulator.windows._windows)
    assert asked
    await stage.handlers["find_carers"]("due")
    async with stage.db.transaction() as tx:
        first = list(await tx.scalars(select(PushAddress.asked_at).where(PushAddress.channel == "kf")))
    await stage.move(timedelta(hours=2))
    await stage.handlers["find_carers"]("due")
    async with stage.db.transaction() as tx:
        assert list(await tx.scalars(select(PushAddress.asked_at).where(PushAddress.channel == "kf"))) == first
    await stage.move(timedelta(hours=23))
    await stage.handlers["find_carers"]("due")
    async with stage.db.transaction() as tx:
        assert all(at > first[0] for at in await tx.scalars(select(PushAddress.asked_at).where(PushAddress.channel == "kf")))


async def test_the_mini_program_reaches_who_opened_it_and_agreed(stage: Stage, channels: Channels) -> None:
    carer = await mother(stage, channels)
    await she(stage, channels, "answer", template_id=LONG)
    code = (await she(stage, channels, "login"))["code"]
    async with stage.session.post(f"{stage.gateway_url}/weixin/mini_program/login", json={"code": code}) as answer:
        assert answer.status == 200
    await stage.settle()
    await stage.handlers["find_carers"]("due")
    assert await reached(stage, carer) == {("mini_program", "long_term")}
    assert await push(stage, "mini_program", channels.openid(ZHAO, "mini_program"))
    await she(stage, channels, "switch_off", template_id=LONG)
    assert await reached(stage, carer) == set()


async def test_agreements_are_counted_and_spent(stage: Stage, channels: Channels) -> None:
    await mother(stage, channels)
    notice = channels.weixin.app("official_account").templates[1].id
    for _ in range(2):
        await she(stage, channels, "answer", account="official_account", template_id=notice)
        channels.weixin.clock.advance(1)
    row = await address(stage, "official_account")
    assert (row.template, row.consent, row.remaining) == (notice, "one_time", 2)
    async with stage.db.transaction() as tx:
        assert [await spend(tx, row.id) for _ in range(3)] == [True, True, False]


async def test_a_text_reaches_her_telephone_until_she_says_stop(stage: Stage, channels: Channels) -> None:
    carer = await mother(stage, channels, phone="13800138000")
    await stage.handlers["find_carers"]("due")
    assert await reached(stage, carer) == {("sms", "phone")}
    assert await push(stage, "sms", "13800138000")
    assert [each.variables["title"] for each in channels.sms.sent] == ["随访任务提醒"]
    async with stage.session.post(f"{channels.url}/sms/sim/answer", json={"phone": "13800138000", "text": "退订"}) as answer:
        assert answer.status == 200
    await stage.settle()
    assert await reached(stage, carer) == set()
    await stage.handlers["find_carers"]("due")
    assert await reached(stage, carer) == set()


async def test_a_report_that_comes_twice_is_handled_once(stage: Stage, channels: Channels) -> None:
    await mother(stage, channels)
    notice = channels.weixin.app("official_account").templates[1].id
    app, openid = channels.weixin.app("official_account"), channels.openid(ZHAO)
    row: Any = {"TemplateId": notice, "SubscribeStatusString": "accept", "PopupScene": 0}
    for _ in range(3):
        channels.weixin.tell(app, openid, "subscribe_msg_popup_event", {"SubscribeMsgPopupEvent": {"List": [row]}})
    await stage.settle()
    assert (await address(stage, "official_account")).remaining == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("weixin/official_account/callback", b"<xml></xml>", 400),
        ("weixin/mini_program/callback", b"", 400),
        ("sms/callback", b'{"answers": [{"phone": "13800138000", "text": "T", "at": 0}]}', 403),
        ("weixin/mini_program/login", b'{"code": "x"}', 400),
        ("weixin/mini_program/login", b"x" * 5000, 400),
        ("weixin/official_account/callback", b"x" * (2 << 20), 413),
    ],
    ids=["bare XML", "nothing", "unsigned answers", "short code", "no code", "too large"],
)
async def test_what_is_forged_or_broken_leaves_no_trace(stage: Stage, path: str, body: bytes, status: int) -> None:
    async with stage.session.post(f"{stage.gateway_url}/{path}", data=body) as answer:
        assert answer.status == status
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(CallbackEvent)) == 0


async def test_the_mini_program_learns_what_it_may_ask_agreement_for(stage: Stage) -> None:
    async with stage.session.get(f"{stage.gateway_url}/h5/mini/config") as answer:
        assert (answer.status, await answer.json()) == (200, {"hospital": "示范儿童医院", "templates": [{"id": LONG, "kind": "long_term"}]})


async def test_login_codes_that_say_nothing_harm_nobody(stage: Stage, channels: Channels) -> None:
    async with stage.session.post(f"{stage.gateway_url}/weixin/mini_program/login", json={"code": "made-up-by-somebody"}) as answer:
        assert answer.status == 200
    await stage.settle()
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(PushAddress)) == 0


async def test_too_many_login_codes_at_once_are_turned_away(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.weixin.login.LOGINS_AT_ONCE", 2.0)
    monkeypatch.setattr("integrations.weixin.login.LOGINS_PER_SECOND", 0.0001)
    seen = []
    async with open_stage(db, None, tmp_path, push=True) as stage:
        for number in range(4):
            body = {"code": f"made-up-number-{number:05d}"}
            async with stage.session.post(f"{stage.gateway_url}/weixin/mini_program/login", json=body) as answer:
                seen.append(answer.status)
        await stage.settle()
    assert seen == [200, 200, 429, 429]


@dataclass
class Due:
    """A mother whose window has closed, and a follow-up that is due."""

    stage: Stage
    channels: Channels
    carer: int

    async def contacts(self) -> list[tuple[str, str, str | None]]:
        async with self.stage.db.transaction() as tx:
            return [(row.route, row.state, row.error) for row in await tx.scalars(select(Contact).order_by(Contact.id))]


@pytest.fixture
async def due(stage: Stage, channels: Channels) -> Due:
    await know_contact_urls(stage.db, stage.client)
    await stage.control("POST", "customers", nickname="赵女士", external_userid="wm赵", unionid=ZHAO)
    channels.introduce(ZHAO)
    family = await stage.family("赵-", {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39})
    async with stage.db.transaction() as tx:
        carer = (await tx.scalars(select(Carer).where(Carer.external_userid == family.user))).one()
        carer.external_userid, carer.phone = "wm赵", "13800138000"
    await she(stage, channels, "follow")
    await stage.move(timedelta(days=3))
    await stage.enrol(family.patients[0])
    return Due(stage, channels, carer.id)


async def test_a_follow_up_outside_the_window_is_announced_and_its_arrival_is_kept(due: Due) -> None:
    await due.stage.settle()
    [sent] = due.channels.weixin.world.sent
    assert sent.openid == due.channels.openid(ZHAO) and sent.body["data"]["thing1"] == {"value": "随访任务提醒"}
    assert "小满" not in str(sent.body) and sent.body["url"].startswith("https://")
    assert await due.contacts() == [("official_account", "delivered", None)]
    assert due.channels.sms.sent == []


async def test_who_blocks_the_account_is_reached_by_text(due: Due) -> None:
    await she(due.stage, due.channels, "block")
    await due.stage.settle()
    assert [(route, state) for route, state, _ in await due.contacts()] == [("official_account", "refused"), ("sms", "delivered")]
    assert [each.phone for each in due.channels.sms.sent] == ["13800138000"]


async def test_a_report_without_a_number_still_finds_its_push(due: Due) -> None:
    due.channels.weixin.switches.client_msg_id_hides_msgid = True
    await due.stage.settle()
    assert await due.contacts() == [("official_account", "delivered", None)]
