"""A message that is not in Chinese can be triaged by nobody but a person, who is called for it."""

from pathlib import Path

import pytest

from records.database import Database
from tests.bot.conftest import Parrot
from tests.bot.stage import Stage, open_stage

ENGLISH = "My son has a high fever and he is very weak"


async def test_a_nurse_is_called_and_the_family_hears_so_in_both_languages(stage: Stage) -> None:
    mother = await stage.family("smith", {"name": "小满", "days": 900})
    await mother.says(ENGLISH)
    [said] = await mother.hears()
    assert "only read Chinese" in said and "只看得懂中文" in said
    assert "nurse on duty is being called" in said and "正在呼叫值班护士" in said
    assert "call 120" in said and "010-5555-0101" in said
    [flag] = await stage.flags()
    assert (flag.level, flag.category, flag.said) == ("urgent", "human_request", ENGLISH)
    assert "不是中文" in flag.because
    assert len(await stage.cards("linyue")) == 1
    # As after 转人工, the nurse has the chat.
    await mother.says("please answer me now, he is worse")
    assert len(await mother.hears()) == 1


async def test_with_nobody_on_call_nothing_is_promised(db: Database, tmp_path: Path) -> None:
    async with open_stage(db, Parrot(), tmp_path, on_call=False) as stage:
        mother = await stage.family("smith", {"name": "小满", "days": 900})
        await mother.says("لدى طفلي حمى شديدة")
        [said] = await mother.hears()
        assert "No nurse is on duty" in said and "没有护士在线" in said
        assert "being called" not in said and "正在呼叫" not in said
        assert "call 120" in said and "010-5555-0101" in said
        assert [flag.category for flag in await stage.flags()] == ["human_request"]


async def test_it_needs_no_dialogue(stage: Stage) -> None:
    stage.turns.talker, stage.turns.loading = None, True
    mother = await stage.family("smith", {"name": "小满", "days": 900})
    await mother.says(ENGLISH)
    assert "only read Chinese" in await mother.last()


@pytest.mark.parametrize("said", ["OK", "thank you", "SpO2 97", "My baby 小满今天很好 sleeps well"])
async def test_what_is_chinese_goes_to_the_dialogue(stage: Stage, said: str) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await mother.says(said)
    assert await mother.last() == f"听到：{said}"
    assert await stage.flags() == []


async def test_with_chinese_beside_it_triage_judges_as_ever(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await mother.says("my baby is sick，刚才抽搐了两分钟")
    assert "convulsion" in {flag.category for flag in await stage.flags()}
    assert "only read Chinese" not in await mother.last()
