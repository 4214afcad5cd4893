"""What surrounds an amount: which vital the words name, what stands directly before and after, how far away."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from tagging.measurement.amount import Amount
from tagging.measurement.scan import Token
from tagging.measurement.words import Vocabulary

# How many unknown characters may stand between a name and its number, and how many when a comma stands there too.
NEAR, NEAR_ACROSS_COMMA = 8, 3
_SENTENCE = re.compile(r"[。！？!?\n\r]")
_FEVER_TALK = re.compile(r"美林|布洛芬|泰诺林|对乙酰|退烧|退热|发热|滚烫|发烫|体温|降温|疫苗|预防针")
# 38个未接来电: things are counted; 5.6个 and 5.6个血糖 are sugar.
_COUNTED_NOUN = re.compile(r"\s?个(?![多左，。！？,!?]|血糖|糖|点|[一二三四五六七八九](?:$|[，。！？,!?了吧]))[^\W\d_]")
# 血小板九十要紧吗
_IS_IT_WELL = re.compile(r"要紧|严重|正常|危险|算|高[吗不]|低[吗不]|怎么|咋|行[吗不]|是不是|可以|有事|没事|好不好")
_NAMING = frozenset({"值", "是", "为", " ", ":", "："})
_CONSUMED = re.compile(r"(?:吃|喝|买|(?<![枪仪计])打|拨|(?<!衣)服|开|用|喂)(?:了|的|点|些|过)?\s?$")


@dataclass
class Scene:
    """The tokens of one message with running sums; `milk_only` for a child so young that whatever it takes is milk.

    `followed` are vitals that the patient's illness makes likely, `answering` tells that the line before asked for something,
    `asked_last` what its last question asked for (the line may also say back what was told before), `ordered` the same in its order,
    `unit` the unit of weight that its question leaves no doubt about (体重多少斤？),
    `feverish` that the message or that line speaks of temperature, `sugary` that the message speaks of sugar.
    """

    text: str
    tokens: list[Token]
    words: Vocabulary
    asked: tuple[str, ...]
    milk_only: bool = False
    followed: frozenset[str] = frozenset()
    answering: bool = False
    asked_last: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    unit: str | None = None
    feverish: bool = field(init=False)
    sugary: bool = field(init=False)
    known: list[int] = field(default_factory=list)
    commas: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sum up known characters and commas, so that a distance costs one subtraction, and note the ends of clauses."""
        known = commas = 0
        # 饭后俩钟头十一个一 of somebody with diabetes is sugar.
        meals = "glucose" in self.followed and any((t.roles.condition or "").endswith(("_meal", "fasting")) for t in self.tokens)
        self.sugary = meals or any(t.roles.vital == "glucose" for t in self.tokens)
        self.feverish = (
            "temperature" in self.asked or any(t.roles.vital == "temperature" for t in self.tokens) or bool(_FEVER_TALK.search(self.text))
        )
        self.marks += [place for place, token in enumerate(self.tokens) if _ends_clause(token)]
        for token in self.tokens:
            self.known.append(known)
            self.commas.append(commas)
            known += token.end - token.start
            commas += token.kind == "weak" and any(c in "，,\n" for c in token.text)

    def unknown_between(self, first: int, last: int) -> int:
        """Characters between tokens `first` and `last` that belong to no token."""
        gap = self.tokens[last].start - self.tokens[first].end
        return gap - (self.known[last] - self.known[first] - (self.tokens[first].end - self.tokens[first].start))

    def commas_between(self, first: int, last: int) -> int:
        """Commas between tokens `first` and `last`."""
        return self.commas[last] - self.commas[first]

    def adjacent(self, first: int, last: int) -> bool:
        """Whether only known characters, and no comma, stand between two tokens."""
        return self.unknown_between(first, last) == 0 and self.commas_between(first, last) == 0

    def clause(self, index: int) -> tuple[int, int]:
        """First and last (exclusive) token of the clause around token `index`, at most 24 tokens each way."""
        before = bisect_left(self.marks, index)
        after = bisect_right(self.marks, index)
        left = self.marks[before - 1] + 1 if before else 0
        right = self.marks[after] if after < len(self.marks) else len(self.tokens)
        return max(left, index - 24), min(right, index + 24)

    def clause_text(self, index: int) -> str:
        """The text of the clause around token `index`."""
        left, right = self.clause(index)
        start = self.tokens[left - 1].end if left else 0
        end = self.tokens[right].start if right < len(self.tokens) else len(self.text)
        return self.text[max(start, self.tokens[index].start - 60) : min(end, self.tokens[index].end + 60)]

    def sentence(self, index: int) -> str:
        """The sentence of token `index`, as far as 60 characters each way."""
        start, end = self.tokens[index].start, self.tokens[index].end
        return _SENTENCE.split(self.text[max(0, start - 60) : start])[-1] + _SENTENCE.split(self.text[start : end + 60])[0]

    def stands_free(self, index: int) -> bool:
        """Whether the text around a bare number lets it be a reading: nothing unknown glued to its front, no counted noun behind it."""
        amount = self.amount(index)
        before = self.text[amount.start - 1 : amount.start]
        previous = self.tokens[index - 1] if index else None
        touched = previous is not None and previous.end == amount.start
        if not touched and before not in ("", " ") and not (previous is None and amount.start == 0):
            return False
        if previous is not None and touched and previous.roles.idiom and not previous.roles.filler:
            return False
        if _CONSUMED.search(self.text, max(0, amount.start - 4), amount.start):
            return False
        return self.ends_free(index)

    def ends_free(self, index: int) -> bool:
        """Whether the number is over where it ends: for a Chinese numeral nothing unknown may follow at once."""
        amount = self.amount(index)
        following = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if self.sugary and following is not None and following.roles.vital and self.text[amount.end : following.start] == "个":
            # 血糖9.4个心率95
            return True
        if _COUNTED_NOUN.match(self.text, amount.end):
            return False
        if self.sugary and self.text.startswith("个", amount.end) and (amount.loose or self.ends_clause(amount.end + 1)):
            # 血糖八九个, 血糖七个二
            return True
        if amount.end == len(self.text) or (following is not None and following.start == amount.end):
            return not (following is not None and following.roles.idiom and not following.roles.filler and not _is_latin(following))
        return not amount.han or amount.digits > 2 or amount.decimal or _IS_IT_WELL.match(self.text, amount.end) is not None

    def ends_known(self, index: int) -> bool:
        """Whether the text is over, or a known token stands, where the amount ends."""
        end = self.tokens[index].end
        return end == len(self.text) or (index + 1 < len(self.tokens) and self.tokens[index + 1].start == end)

    def unfollowed(self, index: int) -> bool:
        """Whether the sentence names, before token `index`, something measured that is not followed here (a blood count)."""
        for place in range(index - 1, max(-1, index - 24), -1):
            token = self.tokens[place]
            if token.kind == "strong":
                return False
            if token.roles.vital == "none":
                return True
            if token.roles.person:
                return False
        return False

    def abbreviated(self, index: int) -> bool:
        """Whether an unknown abbreviation names the number (CT值38.5, EF 62)."""
        place = index - 1
        while place >= 0 and (self.tokens[place].text in _NAMING or self.tokens[place].kind == "weak"):
            place -= 1
        token = self.tokens[place] if place >= 0 else None
        return token is not None and token.roles.idiom and _is_latin(token) and self.unknown_between(place, index) <= 1

    def ends_clause(self, end: int) -> bool:
        """Whether a mark, or the end of the text, stands at `end`."""
        return end >= len(self.text) or self.text[end] in "，。,！!？?；;\n"

    def consumed(self, index: int) -> bool:
        """Whether a verb of taking or calling stands directly before the number (吃三九, 打120)."""
        start = self.tokens[index].start
        return _CONSUMED.search(self.text, max(0, start - 4), start) is not None

    def amount(self, index: int) -> Amount:
        """The amount of token `index`, which must be one."""
        amount = self.tokens[index].amount
        if amount is None:
            raise ValueError(f"token {index} is no amount")
        return amount

    def opens(self, index: int) -> bool:
        """Whether before the number stand but words without a meaning of their own, times and the child."""
        before = self.tokens[:index]
        known = sum(token.end - token.start for token in before)
        plain = all(t.roles.filler or t.roles.person or t.kind != "word" for t in before if t.amount is None)
        return plain and not any(t.amount is not None for t in before) and self.tokens[index].start - known <= 1

    def isolated_pair(self, index: int) -> bool:
        """Whether the message holds but two numbers and words without a meaning of their own."""
        known = sum(token.end - token.start for token in self.tokens)
        told = any(t.roles.count or t.roles.idiom or t.roles.vital for t in self.tokens)
        return not told and len(self.text) == known and sum(t.amount is not None and t.amount.unit != "time" for t in self.tokens) == 2

    def isolated(self, index: int, unknown: int = 2) -> bool:
        """Whether the clause of a number holds but known words without a vital of their own, and at most `unknown` other characters."""
        left, right = self.clause(index)
        if any(
            token.roles.vital or (token.amount and k != index and token.amount.unit != "time")
            for k, token in enumerate(self.tokens[left:right], left)
        ):
            return False
        first, last = self.tokens[left], self.tokens[right - 1]
        head = first.start if left == 0 else first.start - self.tokens[left - 1].end
        after = self.tokens[right].start if right < len(self.tokens) else len(self.text)
        inner = sum(b.start - a.end for a, b in zip(self.tokens[left : right - 1], self.tokens[left + 1 : right], strict=True))
        return head + inner + (after - last.end) <= unknown


def leads_to_amount(scene: Scene, place: int) -> bool:
    """Whether the word of token `place` is followed by its own number in the clause."""
    for following in scene.tokens[place + 1 : place + 5]:
        if _ends_clause(following):
            return False
        if following.amount is not None:
            return following.amount.unit != "time"
        if not (following.roles.filler or following.kind in ("moment", "weak")):
            return False
    return False


def _is_latin(token: Token) -> bool:
    return token.text.isascii() and token.text.isalpha()


def _ends_clause(token: Token) -> bool:
    return token.kind == "strong" or (token.kind == "weak" and any(c in "，,\n" for c in token.text))
