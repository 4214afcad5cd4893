"""Folding of typed text, character by character, so that offsets into the folded text are offsets into the original."""

import re
import unicodedata
from bisect import bisect_left
from functools import lru_cache

_TRADITIONAL = "發燒熱體溫嘔瀉膚臉喘氣腫脹頭疼壓糖暈驚厥們沒還個寶媽爸歲兒點裡來時過這樣說話醫藥飲無繼續臟腳麼嗎兩斤輕塊陣緊觸電傷燙誤見夠"
_SIMPLIFIED = "发烧热体温呕泻肤脸喘气肿胀头疼压糖晕惊厥们没还个宝妈爸岁儿点里来时过这样说话医药饮无继续脏脚么吗两斤轻块阵紧触电伤烫误见够"

CLAUSE_END = re.compile(r"[，。！？；,!?;\n\r…~～ \t]+")
SENTENCE_END = re.compile(r"[。！？!?\n\r]+")


class _Fold(dict[int, str]):
    """Translation table that learns each character once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        digit = unicodedata.decimal(character, None)
        folded = str(digit) if digit is not None else unicodedata.normalize("NFKC", character).lower()
        # Punctuation keeps its own shape: NFKC would make a full-width comma look like a decimal separator.
        # ② counts the lines of a list: as 2 it would be a digit of the value before it.
        enclosed = unicodedata.decomposition(character).startswith("<circle>")
        kept = character if len(folded) != 1 or character in "，！？；：（）～" or enclosed else folded
        self[code] = kept
        return kept


# 39º6: the ordinal sign stands for the degree sign; NFKC would make it a letter. 38′3: a prime is typed for the point, as ' is.
_FOLD = _Fold({ord(a): b for a, b in zip(_TRADITIONAL + "º′", _SIMPLIFIED + "°'", strict=True)})


# An identity card has 18 digits, a bank card 19. What is longer is no number, and many patterns would try each of its places.
_NO_NUMBER = re.compile(r"[0-9零〇一二两三四五六七八九十百千点]{21,}")


# 叁拾捌: one such character alone is a name or a word.
_FORMAL = re.compile(r"[壹贰叁肆伍陆柒捌玖拾佰]{2,}")
_PLAIN = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰", "一二三四五六七八九十百")


# A message is folded, cut and scanned by several readers; the last few are remembered.
@lru_cache(maxsize=16)
def fold(text: str) -> str:
    """Half-width, lower-case, simplified, compatibility forms replaced, endless numerals blanked (□); always as long as `text`."""
    plain = _FORMAL.sub(lambda run: run.group().translate(_PLAIN), text.translate(_FOLD))
    return _NO_NUMBER.sub(lambda run: "□" * len(run.group()), plain)


# So many places of the last messages are remembered with what was read there: a sign and the mention that names it share most of it.
JUDGED = 1024
# No clause that people write is longer; a longer one is looked at only so far, so that long texts stay quick.
REACH = 160


@lru_cache(maxsize=16)
def _runs(mark: str, text: str) -> tuple[list[int], list[int]]:
    """Where the marks of a text start and end."""
    found = [match.span() for match in re.finditer(mark, text)]
    return [start for start, _ in found], [end for _, end in found]


def last_end(mark: re.Pattern[str], text: str, before: int) -> int:
    """Where the last `mark` ends before a place: the start of its clause or sentence, at most REACH characters away."""
    starts, ends = _runs(mark.pattern, text)
    farthest = max(0, before - REACH)
    index = bisect_left(starts, before) - 1
    return max(farthest, min(ends[index], before)) if index >= 0 else farthest


def next_start(mark: re.Pattern[str], text: str, after: int, *, include: bool = False) -> int:
    """Where the next `mark` starts (with `include`: ends) behind a place, at most REACH characters away."""
    limit = min(len(text), after + REACH)
    starts, ends = _runs(mark.pattern, text)
    index = bisect_left(ends, after + 1)
    if index == len(ends):
        return limit
    return min(ends[index], limit) if include else min(max(starts[index], after), limit)


def clause_bounds(text: str, position: int) -> tuple[int, int]:
    """Start and end of the clause of folded `text` that holds `position`."""
    return last_end(CLAUSE_END, text, position), next_start(CLAUSE_END, text, position)
