"""The personal best of a peak flow, as told in a message (平时最好300)."""

import re

from tagging.numeral import parse_numeral

# 峰流速平时三百五，今天一百五: what is usual stands for the best.
_BEST = re.compile(
    r"(?:(?:平时|平常|往常)(?=(?:是|有|都|能|吹|到|在)*[\d二三四五六七八])|(?:平时|平常|个人|以前|历史|自己|一贯|好的时候)(?:的)?(?:最好|最佳|最高|能吹)|(?<!今天)(?<!这次)最(?:佳|好(?=(?:就|也)?是|的?一次是?|那次|那回|的?时候|时|成绩|记录|纪录)))(?:那次|那回|的?时候|时|记录|纪录|值|成绩|一次|的一次)?(?:就|也|是|有|到|能|吹|在|大概|大约|:|：)*(?P<best>\d{2,3}(?![\d.%％年月])|[二两三四五六七八]百[零〇一二三四五六七八九]?(?:[一二三四五六七八九]?十)?[一二三四五六七八九]?)"
)


def best_from_text(folded: str) -> float | None:
    """The personal best in L/min that `folded` tells; None if it tells none."""
    match = _BEST.search(folded) if "峰" in folded or "pef" in folded or "吹" in folded else None
    return parse_numeral(match["best"]).value if match else None
