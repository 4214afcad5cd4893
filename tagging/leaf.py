"""Pieces of a pattern that hold no others: words, gaps, denials, what may not stand near, numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tagging.piece import ANY, NO, Gap, Match, Piece

DIGITS = "0123456789"
NUMBER_CHARACTERS = DIGITS + "零〇一二两三四五六七八九十百半几好"
# No number that somebody means is longer (see tagging.text.fold).
_LONGEST_NUMBER = 20


@dataclass(frozen=True)
class Words(Piece):
    """One of some words, tried in their order."""

    words: tuple[str, ...] = ()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        if len(self.words) == 1:
            return _word(self.words[0], rest)
        by_first = self._by_first

        def match(text: str, place: int, gaps: list[Gap]) -> int:
            for word, size in by_first.get(text[place], ()):
                if text.startswith(word, place):
                    end = rest(text, place + size, gaps)
                    if end >= 0:
                        return end
            return NO

        return match

    @cached_property
    def _by_first(self) -> dict[str, tuple[tuple[str, int], ...]]:
        found: dict[str, tuple[tuple[str, int], ...]] = {}
        for word in self.words:
            found[word[0]] = (*found.get(word[0], ()), (word, len(word)))
        return found


def _word(word: str, rest: Match) -> Match:
    size = len(word)

    def match(text: str, place: int, gaps: list[Gap]) -> int:
        return rest(text, place + size, gaps) if text.startswith(word, place) else NO

    return match


def words(choices: Iterable[str]) -> Words:
    """A piece that is one of `choices`, none of which is empty."""
    listed = tuple(choices)
    # The beginning is known from `starts`, so the end says more.
    needs = frozenset(word[-2:] for word in listed)
    return Words(frozenset(word[:2] for word in listed), False, 0, max(map(len, listed)), needs, listed)


@dataclass(frozen=True)
class Between(Piece):
    """A gap of at most `width` characters, as few as possible: none of `refused`, or only those of `accepted` if there are any."""

    refused: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        most, refused, accepted = self.width, self.refused, self.accepted

        def match(text: str, place: int, gaps: list[Gap]) -> int:
            for here in range(place, place + most + 1):
                end = rest(text, here, gaps)
                if end >= 0:
                    if here > place:
                        gaps.append((place, here))
                    return end
                if (text[here] not in accepted) if accepted else (text[here] in refused):
                    return NO
            return NO

        return match


@dataclass(frozen=True)
class Denial(Piece):
    """One of some words, told as a gap, or nothing."""

    words: tuple[str, ...] = ()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        known = self.words

        def match(text: str, place: int, gaps: list[Gap]) -> int:
            for word in known:
                if text.startswith(word, place):
                    end = rest(text, place + len(word), gaps)
                    if end >= 0:
                        gaps.append((place, place + len(word)))
                        return end
            return rest(text, place, gaps)

        return match


@dataclass(frozen=True)
class NotAhead(Piece):
    """Nothing, where none of some words follows."""

    words: tuple[str, ...] = ()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        known = self.words
        return lambda text, place, gaps: NO if text.startswith(known, place) else rest(text, place, gaps)


@dataclass(frozen=True)
class NotBehind(Piece):
    """Nothing, where none of some words stands before."""

    words: tuple[str, ...] = ()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        known = self.words
        return lambda text, place, gaps: NO if text.endswith(known, 0, place) else rest(text, place, gaps)


@dataclass(frozen=True)
class Number(Piece):
    """A number in digits or Chinese, 3.5 and 十多 included, rather longer than shorter."""

    def then(self, rest: Match) -> Match:
        """See Piece."""

        def match(text: str, place: int, gaps: list[Gap]) -> int:
            for end in _ends_of_number(text, place):
                found = rest(text, end, gaps)
                if found >= 0:
                    return found
            return NO

        return match


def _ends_of_number(text: str, place: int) -> Iterable[int]:
    whole = _run(text, place, NUMBER_CHARACTERS)
    # Only behind all of its characters can there be a point or 多.
    fraction = _run(text, whole + 1, DIGITS) if whole > place and text[whole] == "." else 0
    for end in range(fraction, whole + 1, -1):
        if text[end] == "多":
            yield end + 1
        yield end
    for end in range(whole, place, -1):
        if text[end] == "多":
            yield end + 1
        yield end


def _run(text: str, place: int, characters: str) -> int:
    end = place
    while end - place < _LONGEST_NUMBER and text[end] in characters:
        end += 1
    return end


NUMBER = Number(frozenset(NUMBER_CHARACTERS) | {digit + ANY for digit in NUMBER_CHARACTERS}, width=2 * _LONGEST_NUMBER + 2)
