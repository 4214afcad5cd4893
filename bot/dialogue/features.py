"""What the intent model sees of an utterance: characters, what the language rules found in it, and groups of words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

import yaml

# Longer messages say what they are about early on, and the time of a turn must not grow with a pasted page.
LONGEST = 300
# Stand-ins (private use area) for what the language rules found, so that 6斤8两 and 3.4公斤 look alike.
MEASUREMENT, SYMPTOM = "\ue000", "\ue001"
WORDS = Path(__file__).parents[2] / "nlu_data" / "words.yml"
# A group counts as much as its word said this often (cross-validated; 2 to 4 are alike).
GROUP_WEIGHT = 2

Span = tuple[int, int, str]
# Name → what any of its words looks like.
Groups = Mapping[str, re.Pattern[str]]


def features(text: str, spans: Iterable[Span], groups: Groups, *, longest: int) -> Counter[str]:
    """Character n-grams up to `longest`; the same with each (start, end, stand-in) replaced, after `~`; word groups, after `@`."""
    folded = fold(text[:LONGEST])
    found: Counter[str] = Counter(_windows(f"^{folded}$", longest))
    masked = _masked(folded, spans)
    if masked != folded:
        found.update(f"~{gram}" for gram in _windows(f"^{masked}$", longest) if MEASUREMENT in gram or SYMPTOM in gram)
    found.update({f"@{name}": GROUP_WEIGHT for name, words in groups.items() if words.search(folded)})
    return found


def fold(text: str) -> str:
    """Full-width forms, case and digits made alike, character by character, so that offsets stay."""
    return "".join(map(_folded, text))


@lru_cache(maxsize=16384)
def _folded(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character)[:1] or character
    return "0" if plain.isdigit() and plain.isascii() else plain.lower()[:1]


@cache
def word_groups() -> dict[str, re.Pattern[str]]:
    """The groups of nlu_data/words.yml, folded like the text."""
    groups = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return {name: re.compile("|".join(re.escape(fold(str(word))) for word in words)) for name, words in groups.items()}


def _masked(folded: str, spans: Iterable[Span]) -> str:
    masked, at = "", 0
    for start, end, stand_in in sorted(spans):
        if at <= start < len(folded):
            masked += folded[at:start] + stand_in
            at = end
    return masked + folded[at:]


def _windows(text: str, longest: int) -> Iterable[str]:
    return (text[i : i + n] for n in range(1, longest + 1) for i in range(len(text) - n + 1))
