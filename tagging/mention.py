"""Which words of a message name a symptom: mentions that do not overlap, as they are shown, stored and counted.

Triage looks at every sign, however it overlaps with others (喘得厉害 is laboured breathing and wheezing). A mention is told once, in
the words that name it: 喘. Rules:

- Of overlapping names the longest wins; a name inside the name of a medicine (感冒灵) is none.
- A sign that only says more about another (高烧不退 about 高烧) takes over that other's words.
- A sign without names of its own that no name covers is told in its own words.
- Particles at the end (了, 的) are left out.
- A temperature of a fever belongs to the word before it (烧到38度5) or is a mention by itself.
"""

from collections.abc import Iterable

from tagging.content import Content
from tagging.fever import fever_temperatures, temperature_after
from tagging.lexicon import Found, Hit, Nearby

FEVERS = frozenset({"fever", "high_fever", "low_fever", "fever_persistent"})


def name_symptoms(folded: str, found: Found, medicines: Iterable[tuple[int, int]], content: Content) -> list[Hit]:
    """The mentions in folded text, in order. `medicines` are the places of medicines."""
    masked = bytearray(len(folded))
    for start, end in medicines:
        masked[start:end] = b"\x01" * (end - start)
    named = [hit for hit in found.names if not all(masked[hit.start : hit.end])]
    taken = bytearray(len(folded))
    mentions = []
    around = Nearby(found.signs)
    for hit in named:
        whole = _with_temperature(folded, _trimmed(folded, hit))
        mentions.append(Hit(whole.start, whole.end, _refined(hit, around, content), hit.gaps))
        taken[whole.start : whole.end] = b"\x01" * (whole.end - whole.start)
    for start, end, _ in fever_temperatures(folded):
        if not any(taken[start:end]) and not all(masked[start:end]):
            mentions.append(Hit(start, end, "fever", ()))
            taken[start:end] = b"\x01" * (end - start)
    for sign in found.signs:
        concept = content.symptoms.concepts[sign.key]
        if concept.kind in ("context", "normal") or concept.span:
            continue
        if not any(taken[sign.start : sign.end]) and not any(masked[sign.start : sign.end]):
            mentions.append(sign)
            taken[sign.start : sign.end] = b"\x01" * (sign.end - sign.start)
    return sorted(mentions, key=lambda hit: hit.start)


def _trimmed(folded: str, hit: Hit) -> Hit:
    """A particle at the end says when or how, it names nothing: 扁桃体发炎了, 稀稀的."""
    end = hit.end
    while end - hit.start > 2 and folded[end - 1] in "了的":
        end -= 1
    return Hit(hit.start, end, hit.key, hit.gaps)


def _with_temperature(folded: str, hit: Hit) -> Hit:
    end = temperature_after(folded, hit.end) if hit.key in FEVERS else None
    return Hit(hit.start, end, hit.key, hit.gaps) if end else hit


def _refined(hit: Hit, signs: Nearby, content: Content) -> str:
    """The concept of a sign around the name that says more of the same (implies it), else the name's own."""
    concepts = content.symptoms.concepts
    for sign in signs.around(hit.start, hit.end):
        if hit.key in concepts[sign.key].implies and concepts[sign.key].kind != "context":
            return sign.key
    return hit.key
