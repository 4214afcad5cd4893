"""The small pattern language of the clinical tables.

    嘴唇 发紫        a space lets up to 8 characters of the same clause stand between (嘴唇有点发紫, 嘴唇一直发紫)
    囟门~鼓          ~ lets up to 12 characters stand between, commas too
    (脸|面)色灰白    one of; of words the longest that fits
    {lip} {blue}     a word group defined in the file under `words`
    尿布?湿          the character or group before ? may be missing; before * up to 5 of it; before + 1 to 5
    血!(丝|常规)     not followed by; at the very start: not preceded by
    嗓子_哑          _ lets up to 10 characters of the filler words in the group `inner` stand between (嗓子还有点哑), judged like a gap
    大便里%血        a denial may stand at %; it is judged like one in a gap
    #天没尿          # is a number in digits or Chinese
    哭，不停         ， is any comma, or the blank that stands for it

A pattern knows which characters it can begin with, so that it is only tried where it can match (see tagging.lexicon).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tagging.errors import ContentError
from tagging.joined import choice, repeat, row
from tagging.leaf import NUMBER, Between, Denial, NotAhead, NotBehind, Words, words
from tagging.piece import ANY, UNKNOWN, Match, Piece, done

_GAP = Between(frozenset(ANY), True, 1, 8, refused=frozenset("，。！？；,!?;\n\r…"))
_WIDE_GAP = Between(frozenset(ANY), True, 1, 12, refused=frozenset("。！？!?\n\r"))
_DENIALS = ("没有", "没", "并没有", "并没", "不", "无", "未见", "未")
_COMMAS = ("，", ",", "、", " ")
_DENIAL = Denial(words(_DENIALS).starts, True, 1, 3, words=_DENIALS)
# Nearly every pattern ends within so many characters.
REACH = 64
# Repeats are bounded: words that can be cut in two ways (有点, 有 点) must not make a long text slow.
_REPEATS = {"?": (0, 1), "*": (0, 5), "+": (1, 5)}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern: `match` tries a place of a text that ends with END and tells `gaps` gaps at most.

    `beginnings` says by character that it may begin with what may stand behind that; ANY is in it if that is open. One of `needs`
    stands within REACH characters of every place where it can match.
    """

    match: Match
    gaps: int
    beginnings: Mapping[str, frozenset[str]]
    needs: frozenset[str]


class _Parser:
    def __init__(self, source: str, groups: "Patterns"):
        self.source, self.groups, self.at = source, groups, 0

    def fail(self, why: str) -> ContentError:
        return ContentError("bad_pattern", f"pattern {self.source!r}: {why} at character {self.at + 1}")

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def pattern(self) -> Pattern:
        behind: tuple[str, ...] = ()
        if self.peek() == "!":
            self.take()
            behind = self.plain_words()
        piece = self.sequence("")
        if self.at < len(self.source):
            raise self.fail("unexpected )")
        if piece.optional or not piece.starts:
            raise self.fail("could match nothing")
        match = piece.then(done)
        if behind:
            match = NotBehind(frozenset(), words=behind).then(match)
        return Pattern(match, piece.gaps, _beginnings(piece.starts), piece.needs if piece.width <= REACH else UNKNOWN)

    def plain_words(self) -> tuple[str, ...]:
        if self.peek() != "(":
            return (self.take(),)
        end = self.source.find(")", self.at)
        if end < 0:
            raise self.fail("( is never closed")
        inside = self.source[self.at + 1 : end]
        self.at = end + 1
        return tuple(inside.split("|"))

    def sequence(self, stop: str) -> Piece:
        pieces: list[Piece] = []
        while self.peek() and self.peek() not in (stop or ")"):
            pieces.append(self.item())
        return row(pieces)

    def item(self) -> Piece:
        character = self.take()
        if character == " ":
            return _GAP
        if character == "~":
            return _WIDE_GAP
        if character == "%":
            return _DENIAL
        if character == "_":
            return self.groups.filler
        if character == "!":
            return NotAhead(frozenset(), True, words=self.plain_words())
        piece = self.unit(character)
        if self.peek() in _REPEATS:
            return repeat(piece, *_REPEATS[self.take()])
        return piece

    def unit(self, character: str) -> Piece:
        """What a ? behind it would make optional."""
        if character == "(":
            return self.alternatives()
        if character == "{":
            return self.group()
        if character == "#":
            return NUMBER
        if character == "\\":
            character = self.take()
        elif character in "|}?*+":
            raise self.fail(f"unexpected {character}")
        elif character == "，":
            # Many families type a blank where others type a comma.
            return words(_COMMAS)
        return words([character])

    def alternatives(self) -> Piece:
        pieces = [self.sequence("|)")]
        while self.peek() == "|":
            self.take()
            pieces.append(self.sequence("|)"))
        if self.take() != ")":
            raise self.fail("( is never closed")
        if all(isinstance(piece, Words) for piece in pieces):
            # 减少 before 减, or a mention would end too early.
            pieces.sort(key=lambda piece: -piece.width)
        return choice(pieces)

    def group(self) -> Words:
        end = self.source.find("}", self.at)
        name = self.source[self.at : end]
        if end < 0 or name not in self.groups.words:
            raise self.fail(f"no word group {name!r}")
        self.at = end + 1
        return self.groups.words[name]


def _beginnings(starts: Iterable[str]) -> dict[str, frozenset[str]]:
    seconds: dict[str, set[str]] = {}
    for start in starts:
        seconds.setdefault(start[0], set()).add(start[1:] or ANY)
    return {first: frozenset((ANY,) if ANY in following else following) for first, following in seconds.items()}


class Patterns:
    """The patterns that share some word groups; each is parsed once."""

    def __init__(self, groups: Mapping[str, Sequence[str]]):
        self.words = {name: words(sorted(listed, key=len, reverse=True)) for name, listed in groups.items()}
        filler = frozenset("".join(groups.get("inner", ())))
        self.filler = Between(frozenset(character + ANY for character in filler), True, 1, 10, accepted=filler)
        self._parsed: dict[str, Pattern] = {}

    def parsed(self, source: str) -> Pattern:
        """One pattern. Raises ContentError (`bad_pattern`) saying what is wrong and where."""
        if source not in self._parsed:
            self._parsed[source] = _Parser(source, self).pattern()
        return self._parsed[source]
