"""Every intent gets an answer in every state of the conversation."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from tests.dialogue.conftest import ROOT, Family

pytestmark = pytest.mark.dialogue

DOMAIN = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "bot/domain").glob("*.yml"))}


def examples() -> dict[str, str]:
    """For each intent its first example of some length."""
    found: dict[str, str] = {"nlu_fallback": "那个啥呀就是那样子的嘛"}
    for path in sorted(Path(ROOT / "nlu_data/training").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            lines = [line.strip()[2:] for line in block["examples"].splitlines() if line.strip()]
            found.setdefault(block["intent"], next((line for line in lines if len(line) > 2), lines[0]))
    return found


INTENTS = [next(iter(intent)) if isinstance(intent, dict) else intent for part in DOMAIN.values() for intent in part.get("intents", [])]


async def nothing(family: Family) -> None:
    pass


async def asked(family: Family) -> None:
    await family.is_asked()


async def failed_once(family: Family) -> None:
    await family.is_asked()
    await family.says("木头做的")


async def failed_three_times(family: Family) -> None:
    await failed_once(family)
    await family.says("紫的绿的都有")
    await family.says("东西掉地上了")


async def last_question(family: Family) -> None:
    await family.is_asked()
    await family.says("3.4公斤")


async def about_to_stop(family: Family) -> None:
    await family.is_asked()
    await family.says("别再发消息了")


async def nurse_offered(family: Family) -> None:
    await family.is_asked()
    await family.says("宝宝可以戴金手镯吗")


async def binding(family: Family) -> None:
    await family.says("还有一个孩子也要绑定")


STATES = [nothing, asked, failed_once, failed_three_times, last_question, about_to_stop, nurse_offered, binding]


def test_every_intent_has_an_example() -> None:
    assert set(INTENTS) == set(examples())


class Undo(Exception):
    """Ends a transaction so that nothing of it stays."""


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_never_silent(family: Family, state: Callable[[Family], Awaitable[None]]) -> None:
    # Rasa's own last resort would mean that a rule is missing.
    last_resort = DOMAIN["session"]["responses"]["utter_default"][0]["text"]
    await state(family)
    for intent, text in examples().items():
        with pytest.raises(Undo):
            async with family.db.transaction() as tx:
                for words in (text, "还有一句"):
                    turn = await family.turn_on(tx, words)
                    said = "".join(reply.text for reply in await family.dialogue.turn(turn))
                    # Who is coming is said by the bot itself.
                    assert said.strip() or turn.wants_human, f"{intent}: {words}"
                    assert last_resort not in said, f"{intent}: {words}"
                raise Undo


def test_words_of_the_assistant_never_diagnose_and_stay_short() -> None:
    for part in DOMAIN.values():
        for name, variants in part.get("responses", {}).items():
            for variant in variants:
                assert len(variant["text"]) <= 120, name
                assert not any(word in variant["text"] for word in ("诊断为", "毫克", "mg", "确诊")), name
