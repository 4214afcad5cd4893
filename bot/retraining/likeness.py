"""How alike two texts are: the cosine of their characters and pairs of characters. The same texts give the same groups, always."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from math import sqrt

from bot.dialogue.features import fold


@lru_cache(maxsize=65536)
def normal(text: str) -> str:
    """What is left when spelling does not count: no case, width, space or punctuation, but for a question mark and a decimal point."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(
        character
        for i, character in enumerate(plain)
        if unicodedata.category(character)[0] in "LNS" or character == "?" or plain[i - 1 : i + 2].replace(".", "0", 1).isdecimal()
    )


@lru_cache(maxsize=65536)
def grams(text: str) -> Counter[str]:
    """Characters and pairs of them, of the normal form with its ends marked; any digit counts as any other."""
    marked = f"^{fold(normal(text))}$"
    return Counter([*marked[1:-1], *(marked[i : i + 2] for i in range(len(marked) - 1))])


def cosine(one: Counter[str], other: Counter[str]) -> float:
    """0 (nothing in common) to 1 (the same)."""
    if len(one) > len(other):
        one, other = other, one
    product = sum(count * other[gram] for gram, count in one.items() if gram in other)
    return product / sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values())) if product else 0.0


class Groups:
    """Texts gathered around the first of each group."""

    def __init__(self, leaders: Iterable[tuple[int, str]], *, alike: float) -> None:
        self._leaders = {number: grams(text) for number, text in leaders}
        self._alike = alike

    def find(self, text: str) -> int | None:
        """The group that `text` is likest to, if it is alike enough; of equals the oldest."""
        mine = grams(text)
        best = max(((cosine(mine, leader), -number) for number, leader in self._leaders.items()), default=(0.0, 0))
        return -best[1] if best[0] >= self._alike else None

    def add(self, number: int, text: str) -> None:
        """A new group, led by `text`."""
        self._leaders[number] = grams(text)
