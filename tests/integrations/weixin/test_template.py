"""A push written into a registered template."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.push import PushFields, PushRefused
from integrations.weixin.template import Source, Template, Writer, check_openid, known

WRITER = Writer("示范儿童医院", ZoneInfo("Asia/Shanghai"))
# 23:30 UTC is the next morning at the hospital.
FIELDS = PushFields("task", datetime(2026, 3, 1, 23, 30, tzinfo=UTC))


def template(**keywords: Source) -> Template:
    return Template("tpl-1", "template", keywords)


def test_every_source_is_written_as_its_keyword_wants_it() -> None:
    given = template(thing1="title", time2="at", date3="at", character_string4="at", thing5="hospital", phrase6="state", thing7="note")
    assert {name: each["value"] for name, each in WRITER.data(given, FIELDS).items()} == {
        "thing1": "随访任务提醒",
        "time2": "2026年3月2日 07:30",
        "date3": "2026年3月2日",
        "character_string4": "2026-03-02 07:30",
        "thing5": "示范儿童医院",
        "phrase6": "待完成",
        "thing7": "点开消息，回到随访对话",
    }
    WRITER.check(given)


@pytest.mark.parametrize("keywords", [{}, {"phrase1": "title"}, {"number1": "hospital"}, {"keyword1": "title"}, {"time1": "state"}])
def test_a_template_that_cannot_work_is_found_before_anything_is_sent(keywords: dict[str, Source]) -> None:
    with pytest.raises(PushRefused) as refused:
        WRITER.check(template(**keywords))
    assert (refused.value.code, refused.value.permanent) == ("bad_field", True)


def test_a_long_name_of_the_hospital_is_refused() -> None:
    with pytest.raises(PushRefused, match="thing1 takes"):
        Writer("很长的名字" * 5, WRITER.zone).check(template(thing1="hospital"))


def test_words_have_no_way_in() -> None:
    with pytest.raises(PushRefused) as refused:
        WRITER.data(template(thing1="title"), PushFields("白血病化疗后第3天", FIELDS.at))
    assert refused.value.code == "bad_title"


def test_names_and_addresses_are_looked_at() -> None:
    assert known({"task": template(thing1="title")}, "task").id == "tpl-1"
    with pytest.raises(PushRefused, match="bad_template"):
        known({}, "task")
    assert check_openid("oABC_def-0123456789012345678") == "oABC_def-0123456789012345678"
    for wrong in ("", "o", "o 1234567", "o" * 65, "张三张三张三"):
        with pytest.raises(PushRefused, match="bad_address"):
            check_openid(wrong)
