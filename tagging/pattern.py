"""The small pattern language of the clinical tables.

    嘴唇 发紫        a space lets up to 8 characters of the same clause stand between (嘴唇有点发紫, 嘴唇一直发紫)
    囟门~鼓          ~ lets up to 12 characters stand between, commas too
    (脸|面)色灰白    one of
    {lip} {blue}     a word group defined in the file under `words`
    尿布?湿          the character or group before ? may be missing; before * up to 5 of it; before + 1 to 5
    血!(丝|常规)     not followed by; at the very start: not preceded by
    #天没尿          # is a number in digits or Chinese

A pattern knows which characters it can begin with, so a text is scanned once and only patterns that can match are tried.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tagging.errors import ContentError

NUMBER_CHARACTERS = "0123456789零〇一二两三四五六七八九十百半几好"
_NUMBER = r"[0-9零〇一二两三四五六七八九十百半几好]+(?:\.[0-9]+)?多?"
_GAP = r"([^，。！？；,!?;\n\r…]{0,8}?)"
_WIDE_GAP = r"([^。！？!?\n\r]{0,12}?)"
_SPECIAL = set("(|){}?!#~ ")


@dataclass(frozen=True)
class Node:
    """A piece of a pattern: its regular expression, the characters it may begin with, and whether it may be empty."""

    regex: str
    first: frozenset[str]
    optional: bool = False


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
        if node.optional or not node.first:
            raise self.fail("could match nothing")
        return Node(behind + node.regex, node.first)

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
        parts: list[str] = []
        first: set[str] = set()
        empty = True
        while self.peek() and self.peek() not in (stop or ")"):
            node = self.item()
            parts.append(node.regex)
            if empty:
                first |= node.first
                empty = node.optional
        return Node("".join(parts), frozenset(first), empty)

    def item(self) -> Node:
        character = self.take()
        if character == " ":
            return Node(_GAP, frozenset(), True)
        if character == "~":
            return Node(_WIDE_GAP, frozenset(), True)
        if character == "!":
            words = "|".join(re.escape(word) for word in self.plain_words())
            return Node(f"(?!{words})", frozenset(), True)
        if character == "(":
            node = self.alternatives()
        elif character == "{":
            node = self.group()
        elif character == "#":
            node = Node(_NUMBER, frozenset(NUMBER_CHARACTERS))
        elif character == "\\":
            literal = self.take()
            node = Node(re.escape(literal), frozenset(literal))
        elif character in "|}?*+":
            raise self.fail(f"unexpected {character}")
        else:
            node = Node(re.escape(character), frozenset(character))
        repeat = self.peek()
        if repeat in ("?", "*", "+"):
            self.take()
            # Repeats are bounded: words that can be cut in two ways (有点, 有 点) must not make a long text slow.
            times = {"?": "?", "*": "{0,5}", "+": "{1,5}"}[repeat]
            return Node(f"(?:{node.regex}){times}", node.first, repeat != "+" or node.optional)
        return node

    def alternatives(self) -> Node:
        nodes = [self.sequence("|)")]
        while self.peek() == "|":
            self.take()
            nodes.append(self.sequence("|)"))
        if self.take() != ")":
            raise self.fail("( is never closed")
        regex = "(?:" + "|".join(node.regex for node in nodes) + ")"
        return Node(regex, frozenset().union(*(node.first for node in nodes)), any(node.optional for node in nodes))

    def group(self) -> Node:
        end = self.source.find("}", self.at)
        name = self.source[self.at : end]
        if end < 0 or name not in self.words:
            raise self.fail(f"no word group {name!r}")
        self.at = end + 1
        words = sorted(self.words[name], key=len, reverse=True)
        regex = "(?:" + "|".join(re.escape(word) for word in words) + ")"
        return Node(regex, frozenset(word[0] for word in words))


def compile_pattern(source: str, words: Mapping[str, Sequence[str]]) -> Node:
    """Parse one pattern. Raises ContentError (`bad_pattern`) saying what is wrong and where."""
    return _Parser(source, words).pattern()


class Lexicon:
    """Many patterns under keys, scanned together. Patterns under `traps` swallow whatever lies inside them."""

    TRAP = ""

    def __init__(self, entries: Iterable[tuple[str, Sequence[str]]], words: Mapping[str, Sequence[str]], traps: Sequence[str] = ()):
        by_first: dict[str, dict[str, list[tuple[int, str]]]] = {}
        for key, sources in [*entries, (self.TRAP, traps)]:
            for source in sources:
                node = compile_pattern(source, words)
                literal = sum(character not in _SPECIAL for character in source)
                for character in node.first:
                    by_first.setdefault(character, {}).setdefault(key, []).append((-literal, node.regex))
        self._by_first = {
            character: [(key, re.compile("|".join(regex for _, regex in sorted(patterns)))) for key, patterns in keys.items()]
            for character, keys in by_first.items()
        }

    def scan(self, folded: str) -> list[Hit]:
        """Every match in folded text, in order; of one key's overlapping matches the first, of nested ones without a gap the outer."""
        hits: list[Hit] = []
        traps: list[tuple[int, int]] = []
        for start, character in enumerate(folded):
            for key, regex in self._by_first.get(character, ()):
                match = regex.match(folded, start)
                if match is None:
                    continue
                if key == self.TRAP:
                    traps.append(match.span())
                    continue
                gaps = tuple(match.span(i) for i in range(1, (regex.groups or 0) + 1) if match.start(i) < match.end(i))
                hits.append(Hit(start, match.end(), key, gaps))
        return _settle(hits, traps)


def _settle(hits: list[Hit], traps: list[tuple[int, int]]) -> list[Hit]:
    kept: list[Hit] = []
    last_end: dict[str, int] = {}
    for hit in hits:
        if hit.start < last_end.get(hit.key, 0) or any(a <= hit.start < b and hit.end <= b for a, b in traps):
            continue
        if any(
            other.key != hit.key
            and not other.gaps
            and other.start <= hit.start
            and hit.end <= other.end
            and other.end - other.start > hit.end - hit.start
            for other in hits
        ):
            continue
        last_end[hit.key] = hit.end
        kept.append(hit)
    return kept
