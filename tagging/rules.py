"""Whether a rule of the red-flag tables fires on the signs at hand."""

from collections.abc import Iterable, Mapping, Sequence

from tagging.content import Content
from tagging.flags import Rule
from tagging.patient import PatientFacts
from tagging.signs import Sign

Signs = Mapping[str, Sequence[Sign]]


def by_concept(signs: Iterable[Sign]) -> dict[str, list[Sign]]:
    """The signs under their concepts."""
    found: dict[str, list[Sign]] = {}
    for sign in signs:
        found.setdefault(sign.concept, []).append(sign)
    return found


def rules_for(signs: Signs, content: Content) -> list[tuple[str, Rule]]:
    """The rules worth trying, with their categories: those whose first condition has a sign."""
    places = dict.fromkeys(place for concept in signs for place in content.rules_by_concept.get(concept, ()))
    return [(category, content.redflags.categories[category].rules[number]) for category, number in places]


def fires(rule: Rule, present: Signs, patient: PatientFacts, tags: frozenset[str], content: Content) -> list[Sign] | None:
    """The signs that make a rule fire, one for each condition; None if it does not. At least one is of the message itself."""
    if not _applies(rule, patient, tags, content):
        return None
    # A certain sign is better evidence than a possible one, and one of the message better than a remembered one.
    matching = [sorted((sign for name in entry.split("|") for sign in present.get(name, ())), key=_strength) for entry in rule.when]
    if not all(matching) or not _lasts(rule, matching[0]):
        return None
    seen = [signs[0] for signs in matching] if rule.near is None else _near(matching, rule.near)
    if not seen:
        return None
    if all(sign.remembered for sign in seen):
        return None
    if rule.any_two and sum(name in present for name in rule.any_two) < 2:
        return None
    if any(name in present for entry in rule.unless for name in entry.split("|")):
        return None
    return seen


def _applies(rule: Rule, patient: PatientFacts, tags: frozenset[str], content: Content) -> bool:
    age = patient.age_days
    if rule.age and (age is None or not rule.age[0] <= age <= rule.age[1]):
        return False
    if rule.age_or_unknown and age is not None and not rule.age_or_unknown[0] <= age <= rule.age_or_unknown[1]:
        return False
    if any(content.has_tag(tags, tag) for tag in rule.not_tags):
        return False
    return not rule.tags or any(content.has_tag(tags, tag) for tag in rule.tags)


def _near(matching: Sequence[Sequence[Sign]], most: int) -> list[Sign]:
    """One sign for each condition, all at most `most` characters from that of the first; empty if there is none such. What only the
    record says has no place and is near everything."""
    for first in matching[0]:
        close = [
            [sign for sign in signs if sign.at is None or first.at is None or abs(sign.at - first.at) <= most] for signs in matching[1:]
        ]
        if all(close):
            return [first, *(signs[0] for signs in close)]
    return []


def _strength(sign: Sign) -> tuple[bool, bool]:
    return sign.possible, sign.remembered


def _lasts(rule: Rule, matching: Sequence[Sign]) -> bool:
    """Whether the first sign has lasted long enough, where the rule asks for that."""
    if rule.at_least_hours is None:
        return True
    hours = max((sign.hours for sign in matching if sign.hours is not None), default=None)
    return rule.duration_unknown if hours is None else hours >= rule.at_least_hours
