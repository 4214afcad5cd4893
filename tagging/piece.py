"""What patterns are made of. A piece is linked to what follows it, and the whole is tried at a place of a text.

Nothing is compiled to a regular expression: linking a pattern costs microseconds, where compiling the thousands of ours would take
seconds. Choices are tried in the order written, repeats as often as they can, gaps as short as they can, and the first way that leads
to the end of the pattern counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

# Where something stood between the words of a pattern: start and end.
Gap = tuple[int, int]
# Tries a place of a text that ends with END: where the match ends, or NO; gaps are added to the list, the last first.
Match = Callable[[str, int, list[Gap]], int]
NO = -1
# Stands behind the last character of a text, so that every place has a character. No gap reaches over it.
END = "\n"
UNKNOWN = frozenset([""])
# In place of a character in `starts`: whatever stands there.
ANY = "\uffff"
DIGITS = "0123456789"
NUMBER_CHARACTERS = DIGITS + "零〇一二两三四五六七八九十百半几好"
# No number that somebody means is longer (see tagging.text.fold).
_LONGEST_NUMBER = 20


def done(text: str, place: int, gaps: list[Gap]) -> int:
    """What follows the last piece of a pattern."""
    return place


@dataclass(frozen=True)
class Piece:
    """`starts` are the first two characters a piece may begin with; a single one may end it. `gaps` is how many it can report.

    One of `needs` (one or two characters; "": unknown) stands within the first `width` characters of every match.
    """

    starts: frozenset[str]
    optional: bool = False
    gaps: int = 0
    width: int = 0
    needs: frozenset[str] = UNKNOWN

    def then(self, rest: Match) -> Match:
        """This piece followed by `rest`."""
        raise NotImplementedError


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
class Row(Piece):
    """Pieces one after the other."""

    pieces: tuple[Piece, ...] = ()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        for piece in reversed(self.pieces):
            rest = piece.then(rest)
        return rest


def row(pieces: Sequence[Piece]) -> Piece:
    """Pieces one after the other, neighbouring words in one."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Words) and isinstance(last, Words) and len(piece.words) == len(last.words) == 1:
            joined[-1] = words([last.words[0] + piece.words[0]])
        else:
            joined.append(piece)
    if len(joined) == 1:
        return joined[0]
    width = sum(piece.width for piece in joined)
    needs = min((piece.needs for piece in joined if not piece.optional), key=_commonness, default=UNKNOWN)
    gaps = sum(piece.gaps for piece in joined)
    return Row(_joined_starts(joined), all(piece.optional for piece in joined), gaps, width, needs, tuple(joined))


def _commonness(needs: frozenset[str]) -> int:
    """Rather few pairs of characters than many, and single characters only if there is nothing better."""
    return sum((1000, 8, 1)[len(each)] for each in needs)


def _joined_starts(pieces: Sequence[Piece]) -> frozenset[str]:
    starts: set[str] = set()
    begun: set[str] = {""}
    for piece in pieces:
        following: set[str] = set()
        for head in begun:
            if not head:
                grown: Iterable[str] = piece.starts
            else:
                # What stands in a gap is left open: it would be a long list, and a gap mostly holds nothing.
                grown = (head + ANY,) if isinstance(piece, Between) else {head + start[0] for start in piece.starts}
            for start in grown:
                (starts if len(start) == 2 else following).add(start)
        begun = following | begun if piece.optional else following
        if not begun:
            break
    return frozenset(starts | (begun - {""}))


@dataclass(frozen=True)
class Choice(Piece):
    """One of some pieces, tried in their order."""

    pieces: tuple[Piece, ...] = ()

    def then(self, rest: Match) -> Match:
        """See Piece."""
        linked = [(piece, piece.then(rest)) for piece in self.pieces]
        ways = tuple(way for _, way in linked)
        firsts = {start[0] for start in self.starts}
        # A piece that may be empty, or begin with a gap, is tried whatever stands there.
        open_ = any(piece.optional for piece in self.pieces) or ANY in firsts
        by_first = {} if open_ else {first: tuple(way for piece, way in linked if _begins(piece, first)) for first in firsts}

        def match(text: str, place: int, gaps: list[Gap]) -> int:
            for way in ways if open_ else by_first.get(text[place], ()):
                end = way(text, place, gaps)
                if end >= 0:
                    return end
            return NO

        return match


def _begins(piece: Piece, first: str) -> bool:
    return any(start[0] == first for start in piece.starts)


def choice(pieces: Sequence[Piece]) -> Piece:
    """One of some pieces; words are looked up, not tried one by one."""
    if all(isinstance(piece, Words) for piece in pieces):
        return words(word for piece in pieces if isinstance(piece, Words) for word in piece.words)
    starts = frozenset().union(*(piece.starts for piece in pieces))
    needs = frozenset().union(*(piece.needs for piece in pieces))
    width, gaps = max(piece.width for piece in pieces), sum(piece.gaps for piece in pieces)
    return Choice(starts, any(piece.optional for piece in pieces), gaps, width, needs, tuple(pieces))


@dataclass(frozen=True)
class Repeat(Piece):
    """A piece at least `least` and at most `most` times, rather more often than less."""

    piece: Piece = Piece(frozenset())
    least: int = 0
    most: int = 1

    def then(self, rest: Match) -> Match:
        """See Piece."""
        way = rest
        for _ in range(self.most - self.least):
            way = _if_it_can(self.piece.then(way), rest)
        for _ in range(self.least):
            way = self.piece.then(way)
        return way


def _if_it_can(more: Match, rest: Match) -> Match:
    def match(text: str, place: int, gaps: list[Gap]) -> int:
        end = more(text, place, gaps)
        return end if end >= 0 else rest(text, place, gaps)

    return match


def repeat(piece: Piece, least: int, most: int) -> Piece:
    """`piece` that many times."""
    starts = piece.starts if most == 1 else _joined_starts([piece, Piece(piece.starts, True)])
    return Repeat(starts, least == 0 or piece.optional, piece.gaps, most * piece.width, piece.needs, piece, least, most)


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
