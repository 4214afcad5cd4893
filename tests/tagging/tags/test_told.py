"""What families' words say about tags, and what they do not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.medicine import find_medicines
from tagging.tags.errors import TagError
from tagging.tags.told import MOST, read_table, read_told


def told(text: str) -> set[str]:
    """The codes that the text tells; with a minus those that it speaks against."""
    return {("-" if each.against else "") + each.code for each in read_told(text, find_medicines(text))}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("孩子有哮喘，昨晚又喘了", {"asthma"}),
        ("宝宝得了白血病，正在化疗", {"leukemia", "chemo"}),
        ("她没有哮喘", {"-asthma"}),
        ("是不是哮喘啊？", set()),
        ("哮喘会遗传吗", set()),
        ("怕得哮喘", set()),
        ("妹妹有癫痫，这个没有", set()),
        ("我自己有糖尿病", set()),
        ("邻居家孩子也是川崎病", set()),
        ("去年得过川崎病", {"kawasaki"}),
        ("小时候有哮喘", set()),
        ("34周早产的", {"ex_preterm"}),
        ("化疗结束了，什么时候复查", {"-chemo"}),
        ("picc已经拔了", {"-picc"}),
        ("带着PICC管，贴膜有点翘", {"picc"}),
        ("在吃甲氨蝶呤，一周一次", {"mtx"}),
        ("甲氨蝶呤没吃", set()),
        ("每天吃强的松两片", {"steroid"}),
        ("强的松能停吗？", set()),
        ("别发语音，上班听不了", {"prefers.no_voice"}),
        ("白天上班，晚上再发吧", {"hours.evening"}),
        ("怕晚上再发烧", set()),
        ("早上发了一次烧", set()),
        ("上午联系医生了", set()),
        ("平时是奶奶带，老人看不懂字", {"carer.grandparent", "literacy.low"}),
        ("你们不要老是发消息了", {"prefers.fewer"}),
        ("不要打电话，开会不方便", {"prefers.no_phone"}),
        ("我们住在外地，来一趟不容易", {"lives_far"}),
        ("药太贵吃不起了", {"cost_worry"}),
        ("我特别担心", {"attitude.anxious"}),
        ("今天吃奶80毫升，体温36.8", set()),
        ("谢谢", set()),
        ("", set()),
    ],
)
def test_what_is_told(text: str, codes: set[str]) -> None:
    assert told(text) == codes


def test_the_words_are_the_reason_and_are_believed_less_than_the_hospital() -> None:
    [said] = read_told("医生，孩子有哮喘，怎么办")
    assert said.because == "家属说：「孩子有哮喘」" and said.confidence == 0.6


@given(text=st.text(alphabet="有没哮喘化疗别发语音孩子我妹妹？，。！picc糖尿病晚上再 \n😀", max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    assert len(read_told(text, find_medicines(text))) <= MOST


def test_a_text_that_nobody_writes_is_cut() -> None:
    assert len(read_told("有哮喘，" * 30_000)) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("asthma:", "magic:"), "told.yml: the tag magic is not in the library."),
        (("'哮喘'", "'(哮喘'"), "told.yml, asthma: "),
        (("{say: ['哮喘']}", "{says: ['哮喘']}"), "told.yml: facts.asthma."),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, changed: tuple[str, str], why: str) -> None:
    from tagging.tags.told import FILE

    file = tmp_path / "told.yml"
    file.write_text(FILE.read_text("utf-8").replace(*changed, 1), "utf-8")
    with pytest.raises(TagError, match="^" + why):
        read_table(file)
