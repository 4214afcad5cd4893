"""PID, and the NK1 beside it: who a message is about. A mother's numbers are hers, never the child's."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from integrations.event import Identifier, Person, Sex
from integrations.hl7.errors import HL7Error
from integrations.hl7.identifiers import NATIONAL_ID, Source, identifiers, looks_national
from integrations.hl7.newborn import birth_weight, gestational_age
from integrations.hl7.segment import Segment
from integrations.hl7.timestamp import day_of, moment_of

# HL7 table 0001, GB/T 2261.1 (1 male, 2 female) and what people write.
SEXES: dict[str, Sex] = {
    **dict.fromkeys(("M", "MALE", "男", "男性", "1"), "M"),
    **dict.fromkeys(("F", "FEMALE", "女", "女性", "2"), "F"),
}  # fmt: skip
MOTHERS = frozenset({"MTH", "母亲", "母", "妈妈", "MOTHER", "MOM"})
MOST_PHONES, LONGEST_NAME = 10, 200


def person_of(pid: Segment, beside: Sequence[Segment], source: Source, at: datetime | None) -> Person:
    """The person of a PID; `beside` are the segments of the same group, `at` the time of the message. Raises HL7Error(no_identifier)."""
    mother, numbers = _mother(pid, beside, source), _numbers(pid, source)
    own = tuple(number for number in numbers if number not in mother)
    if not own:
        raise HL7Error("no_identifier")
    order = pid.get(25)
    return Person(
        identifiers=own,
        name=name_of(pid.get(5), pid.get(5, 2)),
        sex=SEXES.get(pid.get(8).upper()),
        birth_date=day_of(pid.get(7)),
        phones=tuple(dict.fromkeys(_phones(pid, beside)))[:MOST_PHONES],
        birth_order=int(order) if order.isascii() and order.isdigit() and 0 < int(order[:3]) < 20 else None,
        mother=mother,
        birth_weight_g=birth_weight(beside),
        gestational_age_weeks=gestational_age(beside),
        died_at=_died_at(pid, source, at),
    )


def name_of(family: str, given: str) -> str | None:
    """The full name. Chinese systems write all of it in the family name, with pinyin, the given name or even the sex behind it, or the
    Chinese name behind the pinyin; a Chinese name has no blanks."""
    if family in SEXES or given in SEXES:
        family, given = ("", given) if family in SEXES else (family, "")
    if family.isascii() and given.isascii():
        return f"{given} {family}".strip()[:LONGEST_NAME] or None
    if given.isascii() or family.isascii():
        chinese = family if given.isascii() else given
        return chinese[:LONGEST_NAME]
    repeated = len(family) > 1 and family.endswith(given)
    return (family if repeated else family + given)[:LONGEST_NAME]


def _numbers(pid: Segment, source: Source) -> tuple[Identifier, ...]:
    """PID-3, or where it is empty PID-2; national ids also from where vendors put them: PID-19 and PID-18."""
    found = identifiers(pid, 3, source) or identifiers(pid, 2, source)
    national = (Identifier(NATIONAL_ID, value) for value in (pid.get(19), pid.get(18)) if looks_national(value))
    return tuple(dict.fromkeys((*found, *national)))


def _mother(pid: Segment, beside: Sequence[Segment], source: Source) -> tuple[Identifier, ...]:
    found = list(identifiers(pid, 21, source))
    for kin in beside:
        if kin.name == "NK1" and {kin.get(3).upper(), kin.get(3, 2).upper()} & MOTHERS:
            found += identifiers(kin, 33, source)
    return tuple(dict.fromkeys(found))


def _phones(pid: Segment, beside: Sequence[Segment]) -> Iterator[str]:
    places = [(pid, 13), (pid, 14), *((kin, number) for kin in beside if kin.name == "NK1" for number in (5, 6))]
    for segment, field in places:
        for raw in segment.repetitions(field)[:MOST_PHONES]:
            if {"INTERNET", "NET"} & {segment.part(raw, 2).upper(), segment.part(raw, 3).upper()}:
                continue
            number = segment.part(raw) or segment.part(raw, 12) or segment.part(raw, 6) + segment.part(raw, 7)
            if number and "@" not in number and len(number) <= 40:
                yield number


def _died_at(pid: Segment, source: Source, at: datetime | None) -> datetime | None:
    died = moment_of(pid.get(29), source.zone)
    # Nobody may ask after this child again, whether or not the day is known.
    return died or (at if pid.get(30).upper() in ("Y", "是") else None)
