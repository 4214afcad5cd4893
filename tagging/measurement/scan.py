"""Folded text as tokens: amounts, words with a role, times, links and marks. Every character is looked at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from tagging.measurement.amount import NUMBER, Amount, read_amount
from tagging.measurement.words import Roles, Vocabulary
from tagging.moment import Moment

Kind = Literal["amount", "word", "moment", "link", "weak", "strong"]
# A character of the private use area stands for every character of a time.
_TIME = "\ue000"
_NO_ROLE = Roles()
# So many numbers stand in no message that somebody wrote; what comes after them is not read as values (R).
MOST = 1000


@dataclass(frozen=True)
class Token:
    """One token: `amount` for numbers, `roles` for words."""

    kind: Kind
    start: int
    end: int
    text: str
    roles: Roles = _NO_ROLE
    amount: Amount | None = None


@cache
def _lexer(alternation: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<moment>{_TIME}+)"
        r"|(?P<link>到(?!了)|至(?![少多今])|或者?|[-~～—–]+|\.{2,}|/|、)"
        rf"|(?P<order>第\s?(?:\d{{1,3}}|[一二三四五六七八九十]{{1,3}})\s?(?:次|天|个|回|针|晚|胎|页|遍|名|章|排|位)?)"
        rf"|(?P<word>{alternation})"
        r"|(?P<times>[x×*](?=\d{1,2}(?!\d)))"
        rf"|(?P<code>[a-z]+-?\d[\da-z]*|\d{{5}}(?![\d.]|\s?(?:g|克))|\d{{6,}}(?:\.\d+)?|(?<!\d)\d{{3,4}}-\d{{7,8}}|\d+\+\d+"
        rf"|(?<!\d)[01]\d-[0-3]\d(?=[ t]+(?:\d{{1,2}}:\d\d|{_TIME}))"
        rf"|20\d\d[-/.]\d{{1,2}}(?:[-/.]\d{{1,2}})?|\d{{1,2}}[-/]\d{{1,2}}[-/]\d{{2,4}})"
        rf"|(?P<num>{NUMBER.pattern})"
        r"|(?P<latin>[a-z]{2,})"
        r"|(?P<strong>[。！？!?\n\r；;]+)"
        r"|(?P<weak>[，,\s…:：()（）]+)"
    )


def scan(folded: str, moments: Sequence[Moment], words: Vocabulary) -> list[Token]:
    """The tokens of folded text, in order; what is between them is unknown."""
    lexed = folded
    if moments:
        pieces, last = [], 0
        for moment in moments:
            pieces += [folded[last : moment.start], _TIME * (moment.end - moment.start)]
            last = moment.end
        lexed = "".join([*pieces, folded[last:]])
    lexer = _lexer(words.alternation)
    tokens: list[Token] = []
    position = amounts = 0
    while amounts < MOST and (match := lexer.search(lexed, position)):
        position = match.end()
        kind = match.lastgroup or ""
        if match["num"] is not None:
            number = NUMBER.match(lexed, match.start())
            amount = read_amount(lexed, number) if number else None
            if amount is None:
                tokens.append(Token("word", *match.span(), match.group(), Roles(idiom=True)))
                continue
            position = amount.end
            amounts += 1
            tokens.append(Token("amount", amount.start, amount.end, lexed[amount.start : amount.end], amount=amount))
        elif match["word"] is not None:
            roles = words.roles[match.group()]
            if roles.idiom and _counts_after_all(lexed, match.end()):
                # 三九 is a medicine, 三九度 is a fever.
                position = match.start() + 1
                continue
            tokens.append(Token("word", *match.span(), match.group(), roles))
        elif match["order"] is not None:
            # 第一天39: an ordinal is known and counts nothing; 第39 itself is no value.
            tokens.append(Token("word", *match.span(), match.group(), Roles(filler=True)))
        elif match["times"] is not None:
            tokens.append(Token("weak", *match.span(), match.group()))
        elif match["latin"] is not None:
            # An abbreviation that is not known may name something that is not followed (CT值38.5); a unit (血压mmHg) names nothing.
            tokens.append(Token("word", *match.span(), match.group(), Roles(idiom=match.group() not in words.unit_of)))
        elif match["code"] is not None:
            tokens.append(Token("word", *match.span(), match.group(), Roles(idiom=True)))
        else:
            tokens.append(Token(kind, *match.span(), match.group()))  # type: ignore[arg-type]  # the other groups are kinds
    return _joined(tokens)


def _counts_after_all(lexed: str, end: int) -> bool:
    return lexed.startswith(("度", "℃", "°"), end)


def _joined(tokens: list[Token]) -> list[Token]:
    """Amount, link, amount become one range where the two belong together (38到39度, 五、六次)."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.amount and index + 2 < len(tokens):
            link, following = tokens[index + 1], tokens[index + 2]
            if link.kind == "link" and following.amount and link.start == token.end and following.start - link.end <= 0:
                whole = _range(token.amount, link.text, following.amount)
                if whole:
                    joined.append(Token("amount", whole.start, whole.end, "", amount=whole))
                    index += 3
                    continue
        joined.append(token)
        index += 1
    return joined


def _range(first: Amount, link: str, last: Amount) -> Amount | None:
    if (
        link == "/"
        or not (first.sure and last.sure)
        or (first.unit not in (None, last.unit))
        or first.low is not None
        or last.low is not None
    ):
        return None
    # 38度5到39: the unit of the first holds for the second.
    if first.value >= last.value or last.value > 3 * max(first.value, 1):
        return None
    if link == "、" and not (last.value - first.value == 1 and (first.han or last.han or last.unit is None or last.dimension == "times")):
        return None
    if last.dimension == "time":
        return None
    return replace(last, start=first.start, low=first.value, precision="range", loose=None, halves=(first, last), han=first.han)
