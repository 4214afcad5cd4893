"""Pieces of a pattern that hold others: rows, choices, repeats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tagging.leaf import Between, Words, words
from tagging.piece import ANY, NO, UNKNOWN, Gap, Match, Piece


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


_NOTHING = Piece(frozenset())


@dataclass(frozen=True)
class Repeat(Piece):
    """A piece at least `least` and at most `most` times, rather more often than less."""

    piece: Piece = _NOTHING
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
