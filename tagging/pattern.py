"""The small pattern language of the clinical tables.

    嘴唇 发紫        a space lets up to 8 characters of the same clause stand between (嘴唇有点发紫, 嘴唇一直发紫)
    囟门~鼓          ~ lets up to 12 characters stand between, commas too
    (脸|面)色灰白    one of
    {lip} {blue}     a word group defined in the file under `words`
    尿布?湿          the character or group before ? may be missing; before * up to 5 of it; before + 1 to 5
    血!(丝|常规)     not followed by; at the very start: not preceded by
    嗓子_哑          _ lets up to 10 characters of the filler words in the group `inner` stand between (嗓子还有点哑), judged like a gap
    大便里%血        a denial may stand at %; it is judged like one in a gap
    #天没尿          # is a number in digits or Chinese
    哭，不停         ， is any comma, or the blank that stands for it

A pattern knows which characters it can begin with, so a text is scanned once and only patterns that can match are tried.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from tagging.errors import ContentError

NUMBER_CHARACTERS = "0123456789零〇一二两三四五六七八九十百半几好"
_NUMBER = r"[0-9零〇一二两三四五六七八九十百半几好]+(?:\.[0-9]+)?多?"
_GAP = r"([^，。！？；,!?;\n\r…]{0,8}?)"
_WIDE_GAP = r"([^。！？!?\n\r]{0,12}?)"
_DENIAL = "((?:没有?|并没有?|不|无|未见|未)?)"


ANY = "\uffff"


@dataclass(frozen=True)
class Node:
    """A piece of a pattern: its regular expression, how it may begin, and whether it may be empty.

    `starts` are its possible first two characters (ANY: whatever follows); a single character may end the piece. `heads` are the ways
    it may begin, each with its first characters, and `rest` is what follows any of them: where a pattern is tried at a known
    character, only the heads that fit need to be.
    """

    regex: str
    starts: frozenset[str]
    optional: bool = False
    heads: tuple[tuple[str, frozenset[str]], ...] = ()
    rest: str = ""
    behind: str = ""

    @cached_property
    def second(self) -> dict[str, frozenset[str]]:
        """By character that it may begin with, what may stand behind that; ANY is in it if that is open."""
        behind: dict[str, set[str]] = {}
        for start in self.starts:
            behind.setdefault(start[0], set()).add(start[1:] or ANY)
        return {character: frozenset(seconds) for character, seconds in behind.items()}

    def beginning(self, character: str) -> str:
        """The regular expression for a place that holds `character`."""
        if not self.heads:
            return self.behind + self.regex
        fitting = [regex for regex, first in self.heads if character in first]
        return f"{self.behind}(?:{'|'.join(fitting)}){self.rest}"


def _joined_starts(nodes: Sequence[Node]) -> tuple[frozenset[str], bool]:
    """The first two characters of pieces in a row, and whether all of them may be empty."""
    starts: set[str] = set()
    open_: set[str] = {""}
    for node in nodes:
        grown = {begun + start[: 2 - len(begun)] for begun in open_ for start in node.starts}
        starts |= {start for start in grown if len(start) == 2}
        open_ = {start for start in grown if len(start) == 1} | (open_ if node.optional else set())
        if not open_:
            break
    return frozenset(starts | (open_ - {""})), "" in open_


@dataclass(frozen=True)
class Hit:
    """One match: offsets into the folded text, the concept's key, and what stood in the gaps as (start, end)."""

    start: int
    end: int
    key: str
    gaps: tuple[tuple[int, int], ...]


class _Parser:
    def __init__(self, source: str, words: Mapping[str, Sequence[str]]):
        self.source, self.words, self.at = source, words, 0

    def fail(self, why: str) -> ContentError:
        return ContentError("bad_pattern", f"pattern {self.source!r}: {why} at character {self.at + 1}")

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def pattern(self) -> Node:
        behind = ""
        if self.peek() == "!":
            self.take()
            # Python wants look-behinds of one width each, so every character gets its own.
            behind = "".join(f"(?<!{re.escape(word)})" for word in self.plain_words())
        node = self.sequence("")
        if self.at < len(self.source):
            raise self.fail("unexpected )")
        if node.optional or not node.starts:
            raise self.fail("could match nothing")
        return replace(node, behind=behind)

    def plain_words(self) -> list[str]:
        if self.peek() != "(":
            return [self.take()]
        end = self.source.find(")", self.at)
        if end < 0:
            raise self.fail("( is never closed")
        inside = self.source[self.at + 1 : end]
        self.at = end + 1
        return inside.split("|")

    def sequence(self, stop: str) -> Node:
        nodes: list[Node] = []
        while self.peek() and self.peek() not in (stop or ")"):
            nodes.append(self.item())
        starts, empty = _joined_starts(nodes)
        regexes = [node.regex for node in nodes]
        heads = nodes[0].heads if nodes and not nodes[0].optional else ()
        return Node("".join(regexes), starts, empty, heads, "".join(regexes[1:]))

    def item(self) -> Node:
        character = self.take()
        if character == " ":
            return Node(_GAP, frozenset(ANY), True)
        if character == "~":
            return Node(_WIDE_GAP, frozenset(ANY), True)
        if character == "%":
            return Node(_DENIAL, frozenset(character + end for character in "没并不无未" for end in ("", ANY)), True)
        if character == "_":
            filler = frozenset("".join(self.group_words("inner")))
            return Node(f"([{re.escape(''.join(sorted(filler)))}]{{0,10}}?)", filler | {character + ANY for character in filler}, True)
        if character == "!":
            words = "|".join(re.escape(word) for word in self.plain_words())
            return Node(f"(?!{words})", frozenset(), True)
        if character == "(":
            node = self.alternatives()
        elif character == "{":
            node = self.group()
        elif character == "#":
            node = Node(_NUMBER, frozenset(NUMBER_CHARACTERS) | {digit + ANY for digit in NUMBER_CHARACTERS})
        elif character == "\\":
            literal = self.take()
            node = Node(re.escape(literal), frozenset(literal))
        elif character in "|}?*+":
            raise self.fail(f"unexpected {character}")
        elif character == "，":
            # Many families type a blank where others type a comma.
            node = Node("[，,、 ]", frozenset(marks := "，,、 ") | {mark + ANY for mark in marks})
        else:
            node = Node(re.escape(character), frozenset(character))
        repeat = self.peek()
        if repeat in ("?", "*", "+"):
            self.take()
            # Repeats are bounded: words that can be cut in two ways (有点, 有 点) must not make a long text slow.
            times = {"?": "?", "*": "{0,5}", "+": "{1,5}"}[repeat]
            starts = node.starts if repeat == "?" else _joined_starts([node, replace(node, optional=True)])[0]
            return Node(f"(?:{node.regex}){times}", starts, repeat != "+" or node.optional)
        return node

    def alternatives(self) -> Node:
        nodes = [self.sequence("|)")]
        while self.peek() == "|":
            self.take()
            nodes.append(self.sequence("|)"))
        if self.take() != ")":
            raise self.fail("( is never closed")
        regex = "(?:" + "|".join(node.regex for node in nodes) + ")"
        optional = any(node.optional for node in nodes)
        heads = () if optional else tuple((node.regex, frozenset(node.second)) for node in nodes)
        return Node(regex, frozenset().union(*(node.starts for node in nodes)), optional, heads)

    def group(self) -> Node:
        end = self.source.find("}", self.at)
        name = self.source[self.at : end]
        if end < 0:
            raise self.fail(f"no word group {name!r}")
        words = self.group_words(name)
        self.at = end + 1
        heads = tuple((re.escape(word), frozenset(word[0])) for word in words)
        return Node("(?:" + "|".join(regex for regex, _ in heads) + ")", frozenset(word[:2] for word in words), False, heads)

    def group_words(self, name: str) -> list[str]:
        if name not in self.words:
            raise self.fail(f"no word group {name!r}")
        return sorted(self.words[name], key=len, reverse=True)


def compile_pattern(source: str, words: Mapping[str, Sequence[str]]) -> Node:
    """Parse one pattern. Raises ContentError (`bad_pattern`) saying what is wrong and where."""
    return _Parser(source, words).pattern()


class Nearby:
    """Hits by place: those that may touch a stretch of text are found without looking at all of them."""

    def __init__(self, hits: Iterable[Hit]):
        self._hits = sorted(hits, key=lambda hit: hit.start)
        self._starts = [hit.start for hit in self._hits]
        self._longest = max((hit.end - hit.start for hit in self._hits), default=0)

    def around(self, start: int, end: int) -> Iterator[Hit]:
        """The hits that contain [start, end), in order of their start."""
        for index in range(bisect_left(self._starts, start - self._longest), bisect_right(self._starts, start)):
            if end <= self._hits[index].end:
                yield self._hits[index]


class _Lazy:
    """An expression that is compiled when it is first tried: most patterns never are."""

    def __init__(self, regex: str):
        self.regex = regex

    @cached_property
    def match(self) -> Callable[[str, int], re.Match[str] | None]:
        return re.compile(self.regex).match


# Characters and lexicons that share a pattern share the compiled expression.
_lazy = lru_cache(maxsize=100_000)(_Lazy)


class Lexicon:
    """Many patterns under keys, scanned together. Patterns under `traps` swallow whatever lies inside them."""

    TRAP = ""

    def __init__(
        self,
        entries: Iterable[tuple[str, Sequence[str]]],
        words: Mapping[str, Sequence[str]],
        traps: Sequence[str] = (),
        parsed: dict[str, Node] | None = None,
    ):
        """`parsed` may be shared by lexicons of the same `words`, so that a pattern of both is parsed once."""
        nodes = {} if parsed is None else parsed
        # By first character: key, the characters that may come second (None: any), the pattern.
        self._by_first: dict[str, list[tuple[str, frozenset[str] | None, _Lazy]]] = {}
        for key, sources in [*entries, (self.TRAP, traps)]:
            for source in sources:
                if source not in nodes:
                    try:
                        nodes[source] = compile_pattern(source, words)
                    except ContentError as error:
                        raise ContentError(error.code, f"{key or 'traps'}: {error}") from error
                node = nodes[source]
                for character, second in node.second.items():
                    pattern = (key, None if ANY in second else second, _lazy(node.beginning(character)))
                    self._by_first.setdefault(character, []).append(pattern)

    def scan(self, folded: str) -> list[Hit]:
        """Every match in folded text, in order; of one key's overlapping matches the first, of nested ones without a gap the outer."""
        return _settle(*self._find(folded))

    def cover(self, folded: str) -> list[Hit]:
        """Matches that do not overlap, in order: the longest first, then what fits between; at the same place the first key wins."""
        hits, traps = self._find(folded)
        around = Nearby(traps)
        taken = bytearray(len(folded))
        kept = []
        for hit in sorted(hits, key=lambda hit: (hit.start - hit.end, hit.start)):
            # A word that is as long as the trap is no look-alike but the very word (黄鼻涕, trapped as no jaundice).
            trapped = any(trap.end - trap.start > hit.end - hit.start for trap in around.around(hit.start, hit.end))
            if trapped or any(taken[hit.start : hit.end]):
                continue
            taken[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
            kept.append(hit)
        return sorted(kept, key=lambda hit: hit.start)

    def _find(self, folded: str) -> tuple[list[Hit], list[Hit]]:
        """At each place the longest match of each key, of equal ones that with the fewest gaps, and the traps."""
        hits: list[Hit] = []
        traps: list[Hit] = []
        for start, character in enumerate(folded):
            following = folded[start + 1 : start + 2]
            best: dict[str, re.Match[str]] = {}
            for key, second, pattern in self._by_first.get(character, ()):
                if second is not None and following not in second:
                    continue
                match = pattern.match(folded, start)
                if match and (key not in best or _size(match) > _size(best[key])):
                    best[key] = match
            for key, match in best.items():
                gaps = tuple(match.span(i) for i in range(1, (match.re.groups or 0) + 1) if match.start(i) < match.end(i))
                (traps if key == self.TRAP else hits).append(Hit(start, match.end(), key, gaps))
        return hits, traps


def _size(match: re.Match[str]) -> tuple[int, int]:
    return match.end(), -match.re.groups


def _settle(hits: list[Hit], traps: list[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    last_end: dict[str, int] = {}
    caught, whole = Nearby(traps), Nearby(hit for hit in hits if not hit.gaps)
    for hit in hits:
        if hit.start < last_end.get(hit.key, 0) or next(caught.around(hit.start, hit.end), None):
            continue
        if any(
            other.key != hit.key and (other.end - other.start > hit.end - hit.start or hit.gaps)
            for other in whole.around(hit.start, hit.end)
        ):
            continue
        last_end[hit.key] = hit.end
        kept.append(hit)
    return kept
