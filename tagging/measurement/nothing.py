"""Counts of nothing: 一次都没吐, 一片尿布都没湿, and 没拉 in answer to how often."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from tagging.measurement.quantity import Quantity

_COUNTED = ("wet_diapers", "stool_count", "vomit_count")
_DONE = {
    "wet_diapers": r"尿(?:尿|片|布|不湿|过)?|小便|湿|嘘嘘|解小便",
    "stool_count": r"拉(?!肚)(?:屎|臭臭|粑粑|便便)?|大便|便便|解大便|排便|解(?!小)",
    "vomit_count": r"吐(?:奶)?|呕吐?",
}
_NAMED = {"wet_diapers": "尿|小便|嘘嘘", "stool_count": "大便|便便|粑粑|臭臭|屎", "vomit_count": "吐|呕"}
_NO = r"(?:没有?|冇得?|未)(?:再|有)?"
# 一次都没吐, 一片尿布都没湿, 一泡也没有; 半天, six hours or three days are no day.
_NOT_ONE = re.compile(
    rf"一(?:次|回|片|泡|趟|块|张)的?(?P<noun>[^\d，。！？,!?一二三四五六七八九十都也]{{0,4}}?)(?:(?:都|也|还)\s?{_NO}|[没冇]有?)(?P<verb>[^\d，。！？,!?]{{0,3}})"
)
_SPAN = re.compile(
    r"小时|钟头|[\d一二两三四五六七八九十几半多]个?(?:天|日|周|星期|晚|宿|夜|月)(?!里|内就)|从|以来|到现在|到这会|昨晚|半夜|夜里|刚才"
    r"|下午|上午|晚上|早上|中午|之前|以前"
)
_ANSWER = re.compile(
    rf"(?:今天|昨天|今儿|昨儿|白天|一天|这一天|今日|全天|一整天|暂时|都|也|就|又|是|，|,|\s|一直)*(?:{_NO}|不)"
    r"(?P<verb>拉|吐|呕吐?|尿(?:尿)?|湿|大便|小便|解|排便|有)?(?:过|了|呢|啊|呀|哦|的|。|！|!|~|,|，)*"
)
# So many are more than anybody says.
MOST = 20
LONGEST = 12


def find_nothing(folded: str, asked: Sequence[str]) -> list[Quantity]:
    """Counts of nought in folded text: said of what is named with it, or of what the last question asked for."""
    question = next((vital for vital in asked if vital in _COUNTED), None)
    answer = _ANSWER.fullmatch(folded) if question and len(folded) <= LONGEST else None
    if question and answer and _answers(answer, question):
        return [Quantity(0, len(folded), question, 0.0)]
    if "一" not in folded:
        return []
    return list(islice(_not_one(folded, question), MOST))


def _answers(answer: re.Match[str], question: str) -> bool:
    verb = answer["verb"]
    if "不" in answer.group() and not (question == "vomit_count" and verb):
        # 不拉了 may mean that it is no longer loose.
        return False
    return verb == "有" or verb is None or re.fullmatch(_DONE[question], verb) is not None


def _not_one(folded: str, question: str | None) -> Iterator[Quantity]:
    for match in _NOT_ONE.finditer(folded):
        sentence = re.split(r"[。！？!?\n]", folded[max(0, match.start() - 30) : match.start()])[-1]
        clause = re.split(r"[，,；;]", sentence)[-1]
        if _SPAN.search(clause):
            continue
        vital = _vital(match, clause) or (question if not match["verb"].strip("有过了呢啊呀") else None)
        if vital is None and not match["verb"].strip("有过了呢啊呀"):
            named = [each for each in _COUNTED if re.search(_NAMED[each], sentence)]
            vital = named[0] if len(named) == 1 and not _SPAN.search(sentence) else None
        if vital:
            yield Quantity(match.start(), match.end(), vital, 0.0)


def _vital(match: re.Match[str], clause: str) -> str | None:
    """What was counted: the noun behind 一片, else the verb, else what the clause speaks of before it."""
    verb = match["verb"].strip("有过了呢啊呀")
    for said in (match["noun"], verb):
        named = [vital for vital in _COUNTED if said and re.match(_DONE[vital], said)]
        if len(named) == 1:
            return named[0]
    named = [vital for vital in _COUNTED if re.search(_NAMED[vital], clause[-6:])]
    return named[0] if len(named) == 1 and not verb else None
