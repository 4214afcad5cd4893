"""The small pattern language of the clinical tables.

    嘴唇 发紫        a space lets up to 8 characters of the same clause stand between (嘴唇有点发紫, 嘴唇一直发紫)
    囟门~鼓          ~ lets up to 12 characters stand between, commas too
    (脸|面)色灰白    one of
    {lip} {blue}     a word group defined in the file under `words`
    尿布?湿          the character or group before ? may be missing; before * up to 5 of it; before + 1 to 5
    血!(丝|常规)     not followed by; at the very start: not preceded by
    大便里%血        a denial may stand at %; it is judged like one in a gap
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
_DENIAL = "((?:没有?|并没有?|不|无|未见|未)?)"


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
        if character == "%":
            return Node(_DENIAL, frozenset(), True)
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


class _Group:
    """Patterns of one key that begin with the same character: one expression to see whether any matches, then the longest."""

    def __init__(self, any_of: re.Pattern[str], regexes: tuple[str, ...]):
        self.any, self._regexes = any_of, regexes
        self._each: list[re.Pattern[str]] = []

    def longest(self, folded: str, start: int) -> re.Match[str]:
        """The longest match at `start`, where `any` is known to match; of equal ones that with the fewest gaps."""
        if not self._each:
            # Most groups are never hit, so compiling their patterns one by one waits for the first hit.
            self._each = [re.compile(regex) for regex in self._regexes]
        matches = [match for regex in self._each if (match := regex.match(folded, start))]
        return max(matches, key=lambda match: (match.end(), -len(match.groups())))


class Lexicon:
    """Many patterns under keys, scanned together. Patterns under `traps` swallow whatever lies inside them."""

    TRAP = ""

    def __init__(self, entries: Iterable[tuple[str, Sequence[str]]], words: Mapping[str, Sequence[str]], traps: Sequence[str] = ()):
        by_first: dict[str, dict[str, list[str]]] = {}
        for key, sources in [*entries, (self.TRAP, traps)]:
            for source in sources:
                try:
                    node = compile_pattern(source, words)
                except ContentError as error:
                    raise ContentError(error.code, f"{key or 'traps'}: {error}") from error
                for character in node.first:
                    by_first.setdefault(character, {}).setdefault(key, []).append(node.regex)
        groups: dict[tuple[str, ...], _Group] = {}
        self._by_first: dict[str, list[tuple[str, _Group]]] = {}
        for character, keys in by_first.items():
            for key, regexes in keys.items():
                # Characters that share their patterns share the compiled expressions.
                together = tuple(dict.fromkeys(regexes))
                if together not in groups:
                    groups[together] = _Group(re.compile("|".join(together)), together)
                self._by_first.setdefault(character, []).append((key, groups[together]))

    def scan(self, folded: str) -> list[Hit]:
        """Every match in folded text, in order; of one key's overlapping matches the first, of nested ones without a gap the outer."""
        hits: list[Hit] = []
        traps: list[tuple[int, int]] = []
        for start, character in enumerate(folded):
            for key, group in self._by_first.get(character, ()):
                if group.any.match(folded, start) is None:
                    continue
                match = group.longest(folded, start)
                if key == self.TRAP:
                    traps.append(match.span())
                    continue
                gaps = tuple(match.span(i) for i in range(1, (match.re.groups or 0) + 1) if match.start(i) < match.end(i))
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
            and (other.end - other.start > hit.end - hit.start or hit.gaps)
            for other in hits
        ):
            continue
        last_end[hit.key] = hit.end
        kept.append(hit)
    return kept
