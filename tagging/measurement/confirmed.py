"""A short answer to a question about a number: 是的 after 385是38.5℃吗？, 斤 after 18 是斤还是公斤？."""

import re

_YES = re.compile(r"(?:是|是的|对|对的|对对|嗯+|恩|没错|是啊|对啊|是呢|就是)[呀啊哦呢的吧]*[。.!！~,，]*")
_UNIT = re.compile(r"(?:是|就是|按|用|单位是?|应该是)*(斤|市斤|公斤|千克|kg)[的呀啊哦吧]*[。.!！~]*", re.I)
_NUMBER = r"(\d+(?:\.\d+)?)"
# The question as it was asked, and what a yes makes of it.
_ASKED = (
    (re.compile(rf"{_NUMBER}是{_NUMBER}℃吗"), "体温{1}度"),
    (re.compile(rf"{_NUMBER}度?是华氏度吗"), "体温{0}华氏度"),
    (re.compile(rf"{_NUMBER}是(体温|血糖|峰流速)吗"), "{1}{0}"),
    (re.compile(rf"血糖{_NUMBER}是 ?mg/dL ?吗", re.I), "血糖{0}mg/dL"),
    (re.compile(rf"{_NUMBER}/{_NUMBER}是千帕"), "血压{0}/{1}千帕"),
    (re.compile(rf"{_NUMBER}/{_NUMBER}是血压吗"), "血压{0}/{1}"),
)
_WHICH_UNIT = re.compile(rf"{_NUMBER} ?是斤还是公斤")


def statement(folded: str, context: str) -> str | None:
    """What `folded` says in full, when it is a bare answer to the question about a number in `context` (both folded); else None."""
    said = folded.strip()
    unit = _UNIT.fullmatch(said)
    asked = _WHICH_UNIT.search(context)
    if unit and asked:
        return f"体重{asked[1]}{unit[1]}"
    if not _YES.fullmatch(said):
        return None
    return next((full.format(*match.groups()) for question, full in _ASKED if (match := question.search(context))), None)
