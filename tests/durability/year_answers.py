"""What families say to what they are asked: in words that fit, in words that do not, later, or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from plans.template import Question, load_templates
from tests.durability.year_worker import LATER, PAUSE, PERSON

NONSENSE = ("嗯嗯", "哈哈哈", "这个我也不太清楚呢", "666", "[捂脸]", "你是机器人吗")
SMALL_TALK = ("你好", "今天挺好的", "谢谢", "在吗", "宝宝睡得不错")
ALARMING = ("拉肚子两次", "有点咳嗽，没发烧", "吐奶了")
NUMBERS = {
    "temperature": "36.{0}度", "glucose": "5.{0}", "blood_ketone": "0.{0}", "pain": "{0}分", "weight": "{0}.6公斤", "systolic": "11{0}/72",
    "diastolic": "11{0}/72", "head_circumference": "4{0}厘米", "height": "9{0}厘米", "heart_rate": "9{0}次",
}  # fmt: skip
NONE_OF_THEM = ("都没有", "没有", "没有，都挺好")


@dataclass(frozen=True)
class Word:
    """Something that a family says, or taps."""

    text: str
    menu_id: str | None = None


def _questions() -> Iterator[tuple[str, Question]]:
    for template in load_templates().values():
        for step in template.steps:
            for question in step.questions:
                yield question.ask.split("{name}")[-1][:40], question


_ASKED = sorted(_questions(), key=lambda pair: -len(pair[0]))


def words_of(message: dict[str, Any]) -> str:
    body = message["body"]
    return str(body.get("content") or body.get("head_content") or "")


def wants_answer(message: dict[str, Any]) -> bool:
    """Whether it asks or offers something."""
    text = words_of(message)
    return message["msgtype"] == "msgmenu" or "？" in text or any(ask in text for ask, _ in _ASKED)


def reply_to(message: dict[str, Any], rng: Random) -> Word:
    """What is said to a message that asks."""
    chance = rng.random()
    if chance < 0.06:
        return Word(rng.choice(NONSENSE))
    if chance < 0.10:
        return Word(rng.choice(LATER))
    if chance < 0.105:
        return Word(PERSON if rng.random() < 0.3 else PAUSE)
    if message["msgtype"] == "msgmenu":
        taps = [item["click"] for item in message["body"].get("list") or [] if item.get("type") == "click"]
        if taps:
            # What comes first is what is usual and harmless.
            tap = taps[0] if rng.random() < 0.7 else rng.choice(taps)
            return Word(tap["content"], tap["id"])
    text = words_of(message)
    found = next((question for ask, question in _ASKED if ask in text), None)
    return Word(in_words(found, rng) if found is not None else rng.choice(NONE_OF_THEM))


def in_words(question: Question, rng: Random) -> str:
    """An answer that fits the question."""
    match question.kind:
        case "weight":
            return f"{3.1 + rng.random() * 2:.2f}公斤"
        case "amounts":
            return f"吃了{rng.randint(7, 10)}次，每次{rng.randint(5, 9)}0毫升，尿布湿了{rng.randint(6, 9)}片"
        case "number":
            return NUMBERS.get(question.required[0], "{0}").format(rng.randint(1, 6))
        case "symptoms":
            return rng.choice(NONE_OF_THEM) if rng.random() < 0.93 else "有一点"
        case "choice":
            return question.options[0].label if rng.random() < 0.8 else rng.choice(question.options).label
    return "没什么特别的，都好"


def of_her_own(rng: Random) -> Word:
    """What a family writes unasked."""
    return Word(rng.choice(SMALL_TALK) if rng.random() < 0.9 else rng.choice(ALARMING))
