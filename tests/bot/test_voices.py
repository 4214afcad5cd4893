"""What is said aloud is recognised, judged at once, shown back, and counts once the family has said 对."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from bot.doctor import diagnose
from bot.media import VOICE
from bot.settings import Settings, SettingsError, SpeechSettings, load_settings
from integrations.speech.port import Heard
from records.database import Database
from records.message import Inbound
from tests.bot.conftest import Parrot
from tests.bot.stage import Family, Stage, open_stage
from tests.integrations.speech.recogniser import Server, serving

AMR = b"#!AMR\n" + bytes(40)
CONVULSION = "我家宝宝刚才抽搐了两分钟"


@pytest.fixture
async def heard_stage(db: Database, tmp_path: Path) -> AsyncIterator[tuple[Stage, Server]]:
    async with serving() as (server, recogniser), open_stage(db, Parrot(), tmp_path, ears=recogniser) as opened:
        server.hears(("宝宝今天精神很好", 0.95))
        yield opened, server


@pytest.fixture
def stage(heard_stage: tuple[Stage, Server]) -> Stage:
    return heard_stage[0]


@pytest.fixture
def server(heard_stage: tuple[Stage, Server]) -> Server:
    return heard_stage[1]


async def speaks(family: Family) -> None:
    form = aiohttp.FormData()
    form.add_field("media", AMR, filename="a.amr", content_type="audio/amr")
    async with family.stage.session.post(f"{family.stage.simulator_url}/sim/media?type=voice", data=form) as answer:
        media_id = (await answer.json())["media_id"]
    await family.sends("voice", media_id=media_id)


async def buttons(family: Family) -> dict[str, str]:
    message = (await family.chat())["messages"][-1]
    return {item["click"]["content"]: item["click"]["id"] for item in message["msgmenu"]["list"]}


async def taps(family: Family, label: str) -> None:
    await family.says(label, menu_id=(await buttons(family))[label])


async def voice(stage: Stage) -> Inbound:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Inbound).where(Inbound.msgtype == "voice"))).one()


async def test_what_was_heard_counts_once_it_is_confirmed(stage: Stage, server: Server) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await speaks(mother)
    first, second = await mother.hears()
    assert "先听一听" in first and second == "我听到的是“宝宝今天精神很好”，对吗？"
    assert list(await buttons(mother)) == ["对", "不对，我打字"]
    assert (await voice(stage)).text is None
    assert [(kind, body) for kind, _, body in server.asked] == [("audio/amr", AMR)]
    button = (await buttons(mother))["对"]
    await taps(mother, "对")
    assert await mother.last() == "听到：宝宝今天精神很好"
    kept = await voice(stage)
    assert (kept.text, kept.outcome[VOICE]["state"]) == ("宝宝今天精神很好", "confirmed")
    await mother.says("对", menu_id=button)
    assert "已经回复过" in await mother.last()


async def test_what_was_heard_wrong_is_set_aside(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await speaks(mother)
    await taps(mother, "不对，我打字")
    assert "打字" in await mother.last()
    kept = await voice(stage)
    assert (kept.text, kept.outcome[VOICE]["state"]) == (None, "denied")


@pytest.mark.parametrize(
    ("typed", "state", "answer"),
    [
        ("对的。", "confirmed", "听到：宝宝今天精神很好"),
        ("不对", "denied", "好的，这条语音我先不算，麻烦您打字告诉我。"),
        ("不对，是昨天", "denied", "听到：是昨天"),
        ("不是很好", "shown", "听到：不是很好"),
        ("在吗", "shown", "听到：在吗"),
    ],
)
async def test_the_answer_may_be_typed(stage: Stage, typed: str, state: str, answer: str) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await speaks(mother)
    await mother.says(typed)
    assert await mother.last() == answer
    assert (await voice(stage)).outcome[VOICE]["state"] == state


async def test_danger_does_not_wait_for_a_yes(stage: Stage, server: Server) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    server.hears((CONVULSION, 0.9))
    await speaks(mother)
    [flag] = await stage.flags()
    assert (flag.level, flag.category) == ("emergency", "convulsion")
    assert "不是打字" in flag.said and CONVULSION in flag.said
    assert flag.evidence[0]["voice"] == "unconfirmed"
    assert len(await stage.cards("linyue")) == 1
    said = await mother.last()
    assert said.index("120") < said.index("我听到的是")
    await taps(mother, "对")
    [flag] = await stage.flags()
    assert "已确认" in flag.said
    assert len(await stage.cards("linyue")) == 1


async def test_danger_in_uncertain_words_alarms_though_they_are_not_shown(stage: Stage, server: Server) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    server.hears((CONVULSION, 0.2))
    await speaks(mother)
    assert [flag.level for flag in await stage.flags()] == ["emergency"]
    said = await mother.last()
    assert "120" in said and "没听清" in said and CONVULSION not in said


@pytest.mark.parametrize("answer", [("宝宝今天精神很好", 0.3), ("", 1.0), web.Response(status=503), web.Response(text="?"), 2.0])
async def test_what_is_not_understood_is_to_be_typed(
    stage: Stage, server: Server, answer: tuple[str, float] | web.Response | float
) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    server.hears(answer)
    await speaks(mother)
    assert "没听清，麻烦您打字" in await mother.last()
    assert await stage.flags() == []
    # A busy server is asked once more, a silent one is not: the family waits.
    assert len(server.asked) == (2 if isinstance(answer, web.Response) and answer.status == 503 else 1)


async def test_a_busy_recogniser_is_asked_again(stage: Stage, server: Server) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    server.hears(web.Response(status=503), ("宝宝睡了", 0.9))
    await speaks(mother)
    assert "宝宝睡了" in await mother.last()


async def test_a_bare_number_is_read_against_the_question_before_it(stage: Stage, server: Server) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await mother.says("血氧")
    server.hears(("八十五", 0.9))
    await speaks(mother)
    assert (await voice(stage)).outcome["voice_context"] == "听到：血氧"
    assert [flag.level for flag in await stage.flags()] == ["emergency"]


async def test_another_language_that_is_spoken_calls_a_person_like_one_that_is_typed(stage: Stage, server: Server) -> None:
    mother = await stage.family("smith", {"name": "小满", "days": 900})
    server.hears(("my son has been very weak since last night", 0.9))
    await speaks(mother)
    said = await mother.last()
    assert "only read Chinese" in said and "being called" in said and "我听到的是" not in said
    [flag] = await stage.flags()
    assert flag.category == "human_request" and "不是中文" in flag.because and "very weak" in flag.said
    # As after 转人工, the nurse has the chat.
    before = len(await mother.hears())
    await mother.says("宝宝睡了")
    assert len(await mother.hears()) == before


async def test_another_familys_button_does_nothing(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    other = await stage.family("sun", {"name": "安安", "days": 900})
    await speaks(mother)
    await other.says("对", menu_id=(await buttons(mother))["对"])
    assert (await voice(stage)).outcome[VOICE]["state"] == "shown"


async def test_while_a_person_owns_the_chat_the_bot_is_silent_but_listens(stage: Stage, server: Server) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await mother.says("人工")
    before = len(await mother.hears())
    server.hears((CONVULSION, 0.9))
    await speaks(mother)
    assert len(await mother.hears()) == before
    assert "convulsion" in {flag.category for flag in await stage.flags()}
    assert (await voice(stage)).outcome[VOICE]["state"] == "silent"


async def test_a_repeated_job_says_nothing_twice(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await speaks(mother)
    heard = await mother.hears()
    key = str((await voice(stage)).id)
    await asyncio.gather(*(stage.handlers["voice"](key) for _ in range(3)))
    await stage.settle()
    assert await mother.hears() == heard


class Mortal:
    """Hears for a worker that dies `deaths` times in the middle."""

    def __init__(self, deaths: int) -> None:
        self.deaths, self.asked = deaths, 0

    async def recognise(self, audio: bytes, format: str) -> Heard:
        self.asked += 1
        if self.asked <= self.deaths:
            raise RuntimeError("killed")
        return Heard(CONVULSION, 0.9)


async def test_what_was_lost_on_the_way_is_heard_by_the_sweep_and_once(db: Database, tmp_path: Path) -> None:
    ears = Mortal(deaths=1)
    async with open_stage(db, Parrot(), tmp_path, ears=ears) as stage:
        mother = await stage.family("zhao", {"name": "小满", "days": 900})
        await speaks(mother)
        assert await stage.flags() == []
        for _ in range(3):
            await stage.move(timedelta(minutes=2))
        assert ears.asked == 2
        assert len([said for said in await mother.hears() if "我听到的是" in said]) == 1
        assert [flag.level for flag in await stage.flags()] == ["emergency"]


async def test_a_recording_that_breaks_every_worker_is_given_up_and_answered(db: Database, tmp_path: Path) -> None:
    ears = Mortal(deaths=99)
    async with open_stage(db, Parrot(), tmp_path, ears=ears) as stage:
        mother = await stage.family("zhao", {"name": "小满", "days": 900})
        await speaks(mother)
        for _ in range(4):
            await stage.move(timedelta(minutes=2))
        assert ears.asked == 3
        assert "没听清" in await mother.last()


async def test_without_a_recogniser_the_family_is_asked_to_type(db: Database, tmp_path: Path) -> None:
    async with open_stage(db, Parrot(), tmp_path) as stage:
        mother = await stage.family("zhao", {"name": "小满", "days": 900})
        await speaks(mother)
        await stage.move(timedelta(minutes=2))
        [said] = await mother.hears()
        assert "暂时听不懂" in said
        assert VOICE not in (await voice(stage)).outcome


async def test_the_doctor_says_whether_the_recogniser_answers(db: Database, tmp_path: Path) -> None:
    async with serving() as (server, _):
        server.hears(("", 0.0))
        speech = SpeechSettings(recogniser="http", url=server.url, timeout=1)
        settings = Settings(data_dir=tmp_path, database_url=db.url, speech=speech)
        assert any(finding.ok and server.url in finding.text for finding in await diagnose(settings, tmp_path))
        server.hears(web.Response(status=401))
        assert any(not finding.ok and "speech.token" in finding.text for finding in await diagnose(settings, tmp_path))


def test_a_recogniser_without_an_address_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"speech\.url"):
        load_settings(speech={"recogniser": "http"})
