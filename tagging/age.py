"""The patient's age as the message tells it, for chats in which the record does not know it yet."""

import re
from collections.abc import Mapping

from tagging.numeral import HAN, parse_numeral
from tagging.text import REACH

_N = rf"(?:\d+(?:\.\d+)?|{HAN})"
_NOT_AGE_BEFORE = re.compile(
    r"(?:烧|热|咳嗽?|吃了?|泻|拉了?|吐了?|已经|近|这|前|用了?|断断续续|反复|出院|黄疸|打了?|过了?|第|住了?|术后|手术|快有)$"
)
_AGE = re.compile(
    rf"(?P<days>{_N})[几多]?天(?:大(?![概便约多夫人小])|的?(?:宝宝|宝贝|宝(?=[，。,的])|孩子|娃|婴儿|小孩|新生儿))"
    rf"|(?:出生|生下来|满)(?:了|已经|才|刚|有)*(?P<days3>{_N})天(?!前|后|时|的时候)"
    rf"|(?:出生|生下来|生后|(?<!医)(?<!先)(?<!新)生|才|刚|满|宝宝|宝贝|娃|女儿|儿子|崽崽?)(?:第|了|才|刚|满|现在|已经)*(?P<days2>{_N})天(?!前|后|没|不|了|的?时候)"
    rf"|(?P<months>{_N})(?:个(?P<half>半)?(?:多)?(?P<half2>半)?月(?:龄)?|月(?:龄|大|半))(?:零(?P<plus>{_N})天)?(?!前|后|没|来"
    rf"|份|不|左右|就|得|内|以|到|一次|[0-9一二三四五六七八九十]+[日号])"
    rf"|(?P<years>{_N})(?:周)?岁(?P<year_half>半)?(?:(?:零|多)?(?P<year_months>{_N})个?月)?(?!前|后|时|的时候)"
)
_CHILD_AFTER = re.compile(r"多?大|的?(?:小)?(?:宝|娃|婴|孩|女儿|儿子|早产|奶娃|男|女)")
_CHILD_BEFORE = re.compile(
    r"(?:^|[，。！？,\s]|宝宝|宝贝|孩子|小孩|小儿|娃儿?|女儿|儿子|闺女|崽崽?|女宝|男宝|我家|小宝|才|刚|满|快|他|她)"
    r"(?:的|是|有|也|才|刚|满|快|现在|已经|差不多|今年|了)*$"
)
_DISEASE = re.compile(r"新生儿(?:肺炎|黄疸|湿疹|科|期|筛查|败血症)|小儿")
_MONTH = 30.4375
_YEAR = 365.25


def age_from_text(folded: str, words: Mapping[str, int]) -> int | None:
    """Age in days that folded text tells about the child: the first that is told in numbers, else the youngest that `words` imply.

    `words` maps expressions such as 新生儿 or 月子 to a typical age in days (redflags.yml, age_words). Durations (咳嗽两个月) are not ages.
    """
    told = _DISEASE.sub(lambda match: "＿" * len(match.group()), folded)
    places = [(told.index(word), word) for word in words if word in told]
    for match in _AGE.finditer(folded):
        if _NOT_AGE_BEFORE.search(folded, max(0, match.start() - REACH), match.start()) or (
            match["months"] and not _is_month_age(folded, match)
        ):
            continue
        # 未满百天 is less than the number in it.
        if not any(start < match.end() and match.start() < start + len(word) for start, word in places):
            return _days(match)
    return min((words[word] for _, word in places), default=None)


def _is_month_age(folded: str, match: re.Match[str]) -> bool:
    """Months are an age where the child is named next to them or they open the sentence; elsewhere they are a duration."""
    return bool(_CHILD_AFTER.match(folded, match.end()) or _CHILD_BEFORE.search(folded, max(0, match.start() - REACH), match.start()))


def _days(match: re.Match[str]) -> int:
    days = match["days"] or match["days2"] or match["days3"]
    if days:
        return int(parse_numeral(days).value)
    if match["months"]:
        half = 0.5 if match["half"] or match["half2"] else 0.0
        plus = parse_numeral(match["plus"]).value if match["plus"] else 0.0
        return int((parse_numeral(match["months"]).value + half) * _MONTH + plus)
    months = parse_numeral(match["year_months"]).value if match["year_months"] else 6.0 if match["year_half"] else 0.0
    return int(parse_numeral(match["years"]).value * _YEAR + months * _MONTH)
