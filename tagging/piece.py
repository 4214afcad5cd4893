"""What patterns are made of. A piece is linked to what follows it, and the whole is tried at a place of a text.

Nothing is compiled to a regular expression: linking a pattern costs microseconds, where compiling the thousands of ours would take
seconds. Choices are tried in the order written, repeats as often as they can, gaps as short as they can, and the first way that leads
to the end of the pattern counts. The kinds of pieces: leaf.py (words, gaps, numbers) and joined.py (rows, choices, repeats).
"""

from collections.abc import Callable
from dataclasses import dataclass

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
