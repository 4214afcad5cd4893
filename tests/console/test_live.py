"""Pages hear of changes: of their own teams' work, chats and patients, and of nobody else's; and no longer than they are signed in."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import ClientResponse
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from console.live import hub as hub_module
from console.live.hub import Hub
from console.live.news import LOOK_BACK, Lookout, News
from console.session import IDLE
from records.chat import Chat
from records.flag import Flag
from records.message import Inbound
from records.patient import Carer, Patient, PatientCarer
from records.refusal import AccessRefusal
from records.staff import Team
from records.state import StateChange, created
from tests.console.stage import NOW, Client, Stage

SOON = 5.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other as fast as a test wants."""
    monkeypatch.setattr(hub_module, "EVERY", 0.02)
    monkeypatch.setattr(hub_module, "WHO_EVERY", 0.02)
    monkeypatch.setattr(hub_module, "WHEN_DOWN", 0.02)


async def listen(client: Client, topics: str) -> ClientResponse:
    answer = await client.get(f"/live?topics={topics}", headers={"Accept": "text/event-stream"})
    if answer.status == 200:
        assert await answer.content.readline() == b": open\n"
    return answer


async def heard(answer: ClientResponse, many: int) -> set[str]:
    """The next events, each as `name data`."""
    found: set[str] = set()
    async with asyncio.timeout(SOON):
        while len(found) < many:
            line = (await answer.content.readline()).decode()
            if line.startswith("event:"):
                data = (await answer.content.readline()).decode()
                found.add(f"{line[7:].strip()} {data[6:].strip()}")
    return found


async def chat_of(stage: Stage, number: str) -> int:
    """A chat with this patient's mother."""
    async with stage.db.transaction() as tx:
        patient = (await tx.scalars(select(Patient).where(Patient.record_number == number))).one()
        carer = Carer(name="家长", external_userid=f"wm{number}")
        tx.add(carer)
        await tx.flush()
        tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
        chat = Chat(
            open_kfid="kf",
            external_userid=f"wm{number}",
            carer_id=carer.id,
            patient_id=patient.id,
            team_id=patient.team_id,
            opened_at=NOW,
        )
        tx.add(chat)
        await tx.flush()
        return chat.id


async def raise_flag(stage: Stage, number: str) -> None:
    async with stage.db.transaction() as tx:
        patient = (await tx.scalars(select(Patient).where(Patient.record_number == number))).one()
        flag = Flag(
            patient_id=patient.id, team_id=patient.team_id, level="urgent", category="fever", said="烧", because="发热", raised_at=NOW
        )
        tx.add(flag)
        await tx.flush()
        created(tx, flag, at=NOW, by="system")


async def say(tx: AsyncSession, chat: int, msgid: str) -> None:
    tx.add(
        Inbound(
            chat_id=chat, msgid=msgid, origin=3, msgtype="text", text="好", menu_id=None, body={}, sent_at=NOW, received_at=NOW, error=None
        )
    )


async def test_an_alert_reaches_its_team_and_no_other(stage: Stage) -> None:
    lin, qin = await listen(await stage.client("linyue"), "work"), await listen(await stage.client("qinlan"), "work")
    await raise_flag(stage, "D0001")
    assert await heard(lin, 1) == {"change work"}
    # Qin hears of her own team's next alert, and had heard of none before it.
    await raise_flag(stage, "R0001")
    assert await heard(qin, 1) == {"change work"}


async def test_a_message_is_told_to_the_chat_the_inbox_and_the_child(stage: Stage) -> None:
    chat, child = await chat_of(stage, "D0001"), await stage.patient("D0001")
    lin = await listen(await stage.client("linyue"), f"inbox,chat:{chat},patient:{child}")
    async with stage.db.transaction() as tx:
        await say(tx, chat, "m1")
    assert await heard(lin, 3) == {"change inbox", f"change chat:{chat}", f"change patient:{child}"}


async def test_nobody_listens_to_other_teams_children(stage: Stage) -> None:
    chat, child = await chat_of(stage, "D0001"), await stage.patient("D0001")
    qin = await stage.client("qinlan")
    for topic in (f"chat:{chat}", f"patient:{child}", "patient:99999999"):
        assert (await listen(qin, f"work,{topic}")).status == 404
    async with stage.db.transaction() as tx:
        assert len((await tx.scalars(select(AccessRefusal))).all()) == 3


@pytest.mark.parametrize("topics", ["", "news", "chat:x", "chat:1;patient:2", ",".join(f"chat:{n}" for n in range(50))])
async def test_nonsense_is_refused(stage: Stage, topics: str) -> None:
    assert (await listen(await stage.client("linyue"), topics)).status == 400


async def test_nobody_listens_without_a_session(stage: Stage) -> None:
    assert (await listen(await stage.client(None), "work")).status == 401


async def test_who_signs_out_or_falls_idle_hears_no_more(stage: Stage) -> None:
    lin = await stage.client("linyue")
    first = await listen(lin, "work")
    await lin.post("/sign-out")
    assert await heard(first, 1) == {"bye over"}
    second = await listen(await stage.client("zhangwei"), "work")
    stage.now += timedelta(hours=3)
    assert await heard(second, 1) == {"bye over"}


async def test_a_page_that_listens_does_not_keep_its_session_awake(stage: Stage) -> None:
    lin = await stage.client("linyue")
    stage.now += IDLE * 0.9
    await listen(lin, "work")
    stage.now += IDLE * 0.2
    assert (await lin.get("/work")).status == 303


async def test_news_are_told_though_nobody_can_say_who_is_signed_in(stage: Stage) -> None:
    """The question who still may listen fails: its table is away for a while."""
    lin = await listen(await stage.client("linyue"), "work")
    async with stage.db.transaction() as tx:
        await tx.execute(text("alter table staff_session rename to staff_session_away"))
    try:
        for _ in range(2):
            await raise_flag(stage, "D0001")
            assert await heard(lin, 1) == {"change work"}
    finally:
        async with stage.db.transaction() as tx:
            await tx.execute(text("alter table staff_session_away rename to staff_session"))


async def test_who_comes_when_the_server_stops_is_let_go(stage: Stage) -> None:
    hub = Hub(stage.db, lambda: stage.now)
    early = await hub.join("a", frozenset({"work"}), frozenset())
    await hub.close()
    async with asyncio.timeout(SOON):
        late = await hub.join("b", frozenset({"work"}), frozenset())
    assert early.over and late.over and late.bell.is_set()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "live"] == []


async def test_what_commits_late_is_told_once(stage: Stage) -> None:
    """Ids are given before the commit: a slow writer's come to light after a quick one's."""
    lookout, chat = Lookout(), await chat_of(stage, "D0001")

    async def look(at: float) -> set[News]:
        async with stage.db.transaction() as tx:
            return {news for news in await lookout.look(tx, at) if news.topic == f"chat:{chat}"}

    assert await look(0.0) == set()
    async with stage.db.transaction() as slow:
        await say(slow, chat, "slow")
        await slow.flush()
        async with stage.db.transaction() as tx:
            await say(tx, chat, "quick")
        assert len(await look(1.0)) == 1
        assert await look(2.0) == set()
    assert len(await look(LOOK_BACK - 1)) == 1
    assert await look(LOOK_BACK) == set()
    assert await look(3 * LOOK_BACK) == set()


async def test_a_flood_is_told_as_one_change(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lin = await listen(await stage.client("linyue"), "work,inbox")
    monkeypatch.setattr("console.live.news.MOST", 5)
    async with stage.db.transaction() as tx:
        team = (await tx.scalars(select(Team.id))).first()
        flags = [Flag(team_id=team, level="urgent", category=f"c{n}", said="", because="", raised_at=NOW) for n in range(8)]
        tx.add_all(flags)
        await tx.flush()
        tx.add_all(StateChange(entity="flag", entity_id=flag.id, new="raised", at=NOW, by="system") for flag in flags)
    assert await heard(lin, 2) == {"change work", "change inbox"}
