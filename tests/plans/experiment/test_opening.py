"""Only the words around a question may differ between families: whatever is clinical is refused."""

import pytest

from plans.experiment.arm import HourArm, OpeningArm, check_arms, check_options
from plans.experiment.opening import PLAIN, Opening, check_opening, openings
from plans.experiment.words import ExperimentRefused


def test_the_shipped_openings_pass_and_the_plain_one_is_the_templates_own() -> None:
    assert openings()[PLAIN].around("您好。{question}") == "您好。{question}"
    assert openings()["brief"].around("您好。{question}").format(name="小满", question="今天多重？") == "小满的随访：今天多重？"


@pytest.mark.parametrize(
    "text",
    [
        "{name}发烧了吗？{question}",
        "{name}有没有抽搐？{question}",
        "体温超过38.5度请去急诊。{question}",
        "记得吃美林。{question}",
        "不用去医院，{question}先量3次",
        "咳嗽好些了吗？{question}",
    ],
)
def test_an_opening_that_says_anything_clinical_is_refused(text: str) -> None:
    with pytest.raises(ExperimentRefused) as refused:
        check_opening(Opening("mine", "我的", text))
    assert refused.value.code == "opening_clinical" and "试验只能改变说话方式" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{name}您好。", "opening_placeholders"),
        ("{question}{question}", "opening_placeholders"),
        ("{level}{question}", "opening_placeholders"),
        ("{question!r:>9}{name}", "opening_placeholders"),
        ("辛苦了" * 40 + "{question}", "opening_long"),
    ],
)
def test_an_opening_asks_the_plans_question_once_and_briefly(text: str, code: str) -> None:
    with pytest.raises(ExperimentRefused) as refused:
        check_opening(Opening("mine", "我的", text))
    assert refused.value.code == code


def test_arms_are_hours_of_the_day_or_known_openings_of_one_kind() -> None:
    check_arms("send_hour", [HourArm("a", 9), HourArm("b", 19)])
    for code, arms in {
        "arms_few": [HourArm("a", 9)],
        "arms_double": [HourArm("a", 9), HourArm("b", 9)],
        "arms_kind": [HourArm("a", 9), OpeningArm("b", "warm")],
    }.items():
        with pytest.raises(ExperimentRefused) as refused:
            check_arms("send_hour", arms)
        assert refused.value.code == code
    for hour in (7, 21, 23):
        with pytest.raises(ExperimentRefused):
            HourArm("night", hour)
    with pytest.raises(ExperimentRefused):
        OpeningArm("x", "nobody-knows")
    assert check_options("send_hour", [9, 19]) == ["9", "19"]
