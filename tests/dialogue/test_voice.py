"""Confirmed words of a voice message reach the dialogue as if they had been typed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.dialogue.agent import Dialogue
from integrations.speech.port import Heard
from records.database import Database
from records.message import Inbound
from records.observation import Observation
from tests.bot.stage import Stage, open_stage
from tests.bot.test_voices import buttons, speaks, taps

pytestmark = pytest.mark.dialogue


class Ears:
    """Hear what a test wants them to hear."""

    def __init__(self) -> None:
        self.text = ""

    async def recognise(self, audio: bytes, format: str) -> Heard:
        return Heard(self.text, 0.9)


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
async def stage(db: Database, tmp_path: Path, dialogue: Dialogue, ears: Ears) -> AsyncIterator[Stage]:
    async with open_stage(db, dialogue, tmp_path, ears=ears) as opened:
        yield opened
        for chat in range(1, 9):
            dialogue.forget(chat)


async def kept(stage: Stage) -> list[Observation]:
    async with stage.db.transaction() as tx:
        return list(await tx.scalars(select(Observation)))


async def test_a_weight_counts_after_a_yes_and_as_of_when_it_was_said(stage: Stage, ears: Ears) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 20, "birth_weight_g": 3200})
    ears.text = "宝宝今天称了六斤八两"
    await speaks(mother)
    assert await kept(stage) == []
    await taps(mother, "对")
    [weight] = await kept(stage)
    async with stage.db.transaction() as tx:
        voice = (await tx.scalars(select(Inbound).where(Inbound.msgtype == "voice"))).one()
    assert (weight.value, weight.message_id) == (3.4, voice.id)
    assert voice.text == ears.text
    assert "3.40公斤" in await mother.last()


async def test_a_no_leaves_nothing_and_the_typed_words_count(stage: Stage, ears: Ears) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await mother.says("37.2度")
    ears.text = "宝宝体温三十八度七"
    await speaks(mother)
    await mother.says("不对，体温37.8")
    # What counted before stays: only the voice message was heard wrong.
    assert [(row.value, row.status) for row in await kept(stage)] == [(37.2, "final"), (37.8, "final")]


async def test_of_two_children_it_is_asked_as_ever(stage: Stage, ears: Ears) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900}, {"name": "小雨", "days": 400})
    ears.text = "今天体温三十七度八"
    await speaks(mother)
    await taps(mother, "对")
    assert {"小满", "小雨"} <= {label[:2] for label in await buttons(mother)}
    assert await kept(stage) == []
    await mother.says("小雨")
    assert [(row.value, row.patient_id) for row in await kept(stage)] == [(37.8, mother.patients[1])]
