"""Many patterns at once: where a text holds which of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tagging.errors import ContentError
from tagging.pattern import REACH, Pattern, Patterns
from tagging.piece import ANY, END, UNKNOWN, Gap


@dataclass(frozen=True, slots=True)
class Hit:
    """One match: offsets into the folded text, the concept's key, and what stood in the gaps as (start, end)."""

    start: int
    end: int
    key: str
    gaps: tuple[Gap, ...]


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


@dataclass(frozen=True)
class Entry:
    """A concept: the patterns that tell it (`signs`) and those that name it (`names`); the names of a `general` one yield to others'."""

    key: str
    signs: Sequence[str] = ()
    names: Sequence[str] = ()
    general: bool = False


@dataclass(frozen=True)
class Found:
    """What a text holds, in order: signs, which may overlap, and names, which do not."""

    signs: tuple[Hit, ...]
    names: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """A pattern of a concept, and what it is for."""

    key: str
    pattern: Pattern
    sign: bool
    name: bool


# By key: end and gaps of the best match so far, and how many gaps it could have had, negative.
_Best = dict[str, tuple[int, int, list[Gap]]]


class Lexicon:
    """Many patterns under keys, scanned together. Patterns under `traps` swallow whatever lies inside them."""

    TRAP = ""

    def __init__(self, entries: Iterable[Entry], patterns: Patterns, traps: Sequence[str] = ()):
        """Raises ContentError (`bad_pattern`) that names the key."""
        self._general: set[str] = set()
        by_first: dict[str, list[_Line]] = {}
        for entry in (*entries, Entry(self.TRAP, traps, traps)):
            if entry.general:
                self._general.add(entry.key)
            for source in dict.fromkeys((*entry.signs, *entry.names)):
                try:
                    pattern = patterns.parsed(source)
                except ContentError as error:
                    raise ContentError(error.code, f"{entry.key or 'traps'}: {error}") from error
                line = _Line(entry.key, pattern, source in entry.signs, source in entry.names)
                for first in pattern.beginnings:
                    by_first.setdefault(first, []).append(line)
        # By character: the patterns that begin with it and anything, and by what follows those that begin with both.
        self._begun = {first: _by_second(first, lines) for first, lines in by_first.items()}
        # Reading and judging a message ask for the same.
        self._remembered = lru_cache(maxsize=16)(self._found)

    def find(self, folded: str) -> Found:
        """Signs: of one key's overlapping matches the first, of nested ones without a gap the outer. Names: the longest first, then
        what fits between; at the same place the first key wins, and one that is not general before one that is."""
        return self._remembered(folded)

    def _found(self, folded: str) -> Found:
        signs, names, traps = self._matches(folded)
        caught = Nearby(traps)
        return Found(tuple(_settled(signs, caught)), tuple(self._covered(folded, names, caught)))

    def _covered(self, folded: str, names: list[Hit], traps: Nearby) -> list[Hit]:
        taken = bytearray(len(folded))
        kept = []
        for hit in sorted(names, key=lambda hit: (hit.start - hit.end, hit.start, hit.key in self._general)):
            # A word that is as long as the trap is no look-alike but the very word (黄鼻涕, trapped as no jaundice).
            trapped = any(trap.end - trap.start > hit.end - hit.start for trap in traps.around(hit.start, hit.end))
            if trapped or any(taken[hit.start : hit.end]):
                continue
            taken[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
            kept.append(hit)
        return sorted(kept, key=lambda hit: hit.start)

    def _matches(self, folded: str) -> tuple[list[Hit], list[Hit], list[Hit]]:
        """At each place the longest match of each key, of equal ones that with the fewest gaps: signs, names and traps."""
        signs: list[Hit] = []
        names: list[Hit] = []
        traps: list[Hit] = []
        text = folded + END
        for block in range(0, len(folded), _BLOCK):
            near = text[block : block + _BLOCK + REACH]
            held = {*near, *map(str.__add__, near, near[1:]), *UNKNOWN}
            for start in range(block, min(block + _BLOCK, len(folded))):
                begun = self._begun.get(text[start])
                if begun is None:
                    continue
                open_, by_second = begun
                best_sign: _Best = {}
                best_name: _Best = {}
                for line in by_second.get(text[start + 1], open_):
                    pattern = line.pattern
                    if pattern.needs.isdisjoint(held):
                        continue
                    gaps: list[Gap] = []
                    end = pattern.match(text, start, gaps)
                    if end >= 0:
                        match = (end, -pattern.gaps, gaps)
                        if line.sign:
                            _keep_better(best_sign, line.key, match)
                        if line.name:
                            _keep_better(best_name, line.key, match)
                if best_sign:
                    signs += _hits(start, best_sign)
                if best_name:
                    names += _hits(start, best_name)
                if signs and signs[-1].key == self.TRAP:
                    traps.append(signs.pop())
                if names and names[-1].key == self.TRAP:
                    names.pop()
        return signs, names, traps


# So many places share one look at the characters near them.
_BLOCK = 64


def _by_second(first: str, lines: Sequence[_Line]) -> tuple[tuple[_Line, ...], dict[str, tuple[_Line, ...]]]:
    seconds = [line.pattern.beginnings[first] for line in lines]
    by_second = {
        second: tuple(line for line, known in zip(lines, seconds, strict=True) if ANY in known or second in known)
        for second in frozenset().union(*seconds)
    }
    return by_second.get(ANY, ()), by_second


def _keep_better(best: _Best, key: str, match: tuple[int, int, list[Gap]]) -> None:
    if key not in best or match[:2] > best[key][:2]:
        best[key] = match


def _hits(start: int, best: _Best) -> list[Hit]:
    return [Hit(start, end, key, tuple(reversed(gaps))) for key, (end, _, gaps) in best.items()]


def _settled(hits: list[Hit], caught: Nearby) -> list[Hit]:
    kept: list[Hit] = []
    last_end: dict[str, int] = {}
    whole = Nearby(hit for hit in hits if not hit.gaps)
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
