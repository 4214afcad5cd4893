"""Which questions are left to doctor and nurse, and what is only asked."""

import pytest

from tagging.medicine import find_medicines
from tagging.topic import asks, find_topic, is_general_question, tells_treatment


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("现在要不要吃消炎药", "medicine"),
        ("还用吃什么药呢", "medicine"),
        ("头孢一天几次", "medicine"),
        ("两种颗粒能一起喝吗，是治咳嗽的药", "medicine"),
        ("可以停药了吗", "medicine"),
        ("喂了美林5毫升", None),
        ("打完疫苗能洗澡吗", None),
        ("吃了退烧药还不退怎么办", None),
        ("白细胞高是怎么回事", "result"),
        ("CRP 28", "result"),
        ("这是昨天的化验单", "result"),
        ("要不要验个血", "result"),
        ("报告什么时候出", None),
        ("在哪里打印化验单", None),
        ("是不是肺部感染", "diagnosis"),
        ("会不会是过敏啊？", "diagnosis"),
        ("得了什么病", "diagnosis"),
        ("有点咳嗽", None),
        ("奶粉怎么冲", None),
        ("", None),
    ],
)
def test_what_only_a_doctor_may_answer(text: str, topic: str | None) -> None:
    assert find_topic(text, find_medicines(text)) == topic


@pytest.mark.parametrize("text", ["怎么办", "能洗澡吗", "一天几次", "好了没", "需要多久"])
def test_questions(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["有好几天了", "没什么变化", "不怎么咳", "前几天拉肚子", "四天了吧", "喝多少算多少吧"])
def test_words_of_a_question_that_ask_nothing(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize("text", ["宝宝吐奶怎么办", "鼻塞怎么护理？", "新生儿黄疸要紧吗"])
def test_a_general_question_asserts_nothing(text: str) -> None:
    assert is_general_question(text)


@pytest.mark.parametrize("text", ["宝宝吐了怎么办", "昨晚吐奶怎么办", "一直咳嗽怎么办", "鼻塞，睡不好，怎么办", "有点咳嗽"])
def test_what_happened_is_asserted(text: str) -> None:
    assert not is_general_question(text)


def test_a_treatment_told() -> None:
    assert tells_treatment("今天输了液") and tells_treatment("一次一包，一天两次")
    assert not tells_treatment("要输液吗") and not tells_treatment("今天吃了面条") and not tells_treatment("打了预防针")
