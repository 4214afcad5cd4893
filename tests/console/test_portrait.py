"""The portrait on paper."""

from console.moment import age_text
from console.portrait import portrait_page
from tests.tagging.portrait.conftest import ZONE, Ward, furnish, ward

__all__ = ["ward"]


async def test_the_page_tells_what_is_on_file_in_chinese(ward: Ward) -> None:
    await furnish(ward)
    await ward.tagged("adherence.low", reasons=2)
    page = portrait_page(await ward.seen_by(ward.lin), hospital="示范儿童医院", zone=ZONE)
    for said in (
        "小满",
        "女 · 5月龄",
        "早产儿",
        "P07.3",
        "理由0",
        "体重",
        "矫正",
        "左乙拉西坦口服液",
        "1毫升，每日两次",
        "多在上午",
        "生长迟缓筛查",
        "入院",
        "<polyline",
    ):
        assert said in page
    assert "None" not in page and "Undefined" not in page
    assert "http" not in page and "<script" not in page


async def test_an_empty_record_is_a_page_too(ward: Ward) -> None:
    page = portrait_page(await ward.seen_by(ward.lin), hospital="示范儿童医院", zone=ZONE)
    assert "档案还缺：诊断、住院或就诊、知情同意、随访计划" in page


async def test_what_comes_from_outside_is_no_markup(ward: Ward) -> None:
    await furnish(ward)
    ward.child.name = "<script>alert(1)</script>"
    ward.resulted('"><img src=x onerror=alert(1)>', "<b>5</b>")
    await ward.tagged("evil")
    page = portrait_page(await ward.seen_by(ward.lin), hospital="示范儿童医院", zone=ZONE)
    assert "<script" not in page and "<img" not in page and "<b>5" not in page
    assert "&lt;script&gt;" in page


def test_ages_are_said_as_paediatricians_say_them() -> None:
    assert [age_text(days) for days in (5, 200, 400, 1200, 4000)] == ["5天", "6月龄", "13月龄", "3岁3月", "10岁"]
