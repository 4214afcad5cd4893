"""Whose record a message belongs to: the decision, on what it says and what is on file. Pure; the rule is that nothing is guessed.

A strong number alone links, and only where everything else that is known agrees. Anything that does not fit is a person's to decide.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from integrations.event import Identifier, Person
from records import national_id
from records.patient_identifier import EMPI, NATIONAL_ID, RECORD_NUMBER

What = Literal["link", "create", "stop"]
# Numberings that name a person by themselves. A feed may have more of them (its settings), such as a regional health card.
STRONG = frozenset({NATIONAL_ID, EMPI, RECORD_NUMBER})

# Longer than any name; a pattern is not to walk through more.
LONGEST_NAME = 100

# Newborns go by their mother's name until they have one: 张三之女, 张三之长子, 李四大毛, 王五女婴A, BABY GIRL WANG.
_ORDINAL = r"[大小长次双一二三四甲乙丙丁A-D1-4]?"
_NEWBORN = re.compile(
    rf"(?P<mother>.{{2,}}?)之?(?:的)?(?:{_ORDINAL}(?:之子|之女|之婴|男婴|女婴|婴儿|宝宝|毛毛|毛|双)|之{_ORDINAL}[子女婴])(?:{_ORDINAL})|BABY.*"
)
_PLACE = re.compile(r"[大小长次一二三四甲乙丙丁A-D1-4]")


@dataclass(frozen=True)
class OnFile:
    """A patient as the record has him, as far as it is compared. `national_ids` are those he has now; `mother` as in the record."""

    id: int
    name: str
    sex: str | None
    birth_date: date
    phones: tuple[str, ...] = ()
    birth_order: int | None = None
    mother: frozenset[str] = frozenset()
    national_ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """`link`: he is the patient `id`. `create`: he is new. `stop`: a person decides `why`, or (`why` a code of no proposal) nothing can.

    `usable` are the numbers that become his, `refused` those that cannot be his own (a parent's). `candidates` are the patients that he
    may be; when linked or created, they are only proposed.
    """

    what: What
    id: int | None = None
    why: str | None = None
    candidates: tuple[int, ...] = ()
    usable: tuple[Identifier, ...] = ()
    refused: tuple[Identifier, ...] = ()


def known_as(person: Person) -> Person:
    """The person with numbers as they are compared, and with what a valid national id says about him where nothing else does.

    A national id that cannot be one (`national_id.normal`) is left out: it is a typing slip, or a passport.
    """
    numbers, born, sex = [], person.birth_date, person.sex
    for each in person.identifiers:
        value: str | None = unicodedata.normalize("NFKC", each.value).strip()
        if each.system == NATIONAL_ID:
            value = national_id.normal(value or "")
        if value and each.system and each not in person.mother:
            numbers.append(Identifier(each.system, value))
    own = [each.value for each in numbers if each.system == NATIONAL_ID]
    if born is None and len(own) == 1:
        born, sex = national_id.birth_date(own[0]), sex or national_id.sex(own[0])
    return replace(
        person,
        identifiers=tuple(dict.fromkeys(numbers)),
        name=(person.name or "").strip()[:LONGEST_NAME] or None,
        sex=sex,
        birth_date=born,
        phones=tuple(dict.fromkeys(filter(None, map(plain_phone, person.phones)))),
    )


def decide(
    person: Person,
    found: Mapping[Identifier, OnFile],
    alike: Sequence[OnFile] = (),
    *,
    strong: Collection[str] = STRONG,
    granted: Collection[tuple[str, int]] = (),
) -> Decision:
    """Whose record `person` (as `known_as` returns him) belongs to.

    `found` are the patients under his numbers, `alike` those of his name and birth date, `strong` the numberings that link by
    themselves; other numbers (a feed's own) link only where name and birth date are told and agree. `granted` are the conflicts
    (why, patient) that a person has looked at and allowed.
    """
    refused = tuple(each for each in person.identifiers if _is_a_parents(each, person))
    usable = tuple(each for each in person.identifiers if each not in refused)
    hits = {found[each].id: found[each] for each in usable if each in found}
    if len(hits) > 1:
        chosen = [id for allowed, id in granted if allowed == "shared_identifier" and id in hits]
        if len(chosen) == 1:
            own = tuple(each for each in usable if each not in found or found[each].id == chosen[0])
            return Decision("link", id=chosen[0], usable=own, refused=refused)
        return Decision("stop", why="shared_identifier", candidates=tuple(sorted(hits)), usable=usable, refused=refused)
    if hits:
        patient = next(iter(hits.values()))
        by = [each for each in usable if each in found]
        why = conflict(person, patient, by, granted={why for why, id in granted if id == patient.id}, strong=strong)
        if why is not None:
            return Decision("stop", why=why, candidates=(patient.id,), usable=usable, refused=refused)
        return Decision("link", id=patient.id, usable=usable, refused=refused)
    lookalikes = tuple(sorted(each.id for each in alike if looks_like(person, each)))
    if not usable:
        # Nothing would find him again.
        why = "mother_id_used" if refused else "name_birth_phone" if lookalikes else "no_identifier"
        chosen = [id for allowed, id in granted if allowed == why]
        if len(chosen) == 1:
            return Decision("link", id=chosen[0], refused=refused)
        return Decision("stop", why=why, candidates=lookalikes, refused=refused)
    if person.name is None or person.birth_date is None:
        return Decision("stop", why="not_on_file", usable=usable, refused=refused)
    return Decision("create", candidates=lookalikes, usable=usable, refused=refused)


def conflict(
    person: Person, patient: OnFile, by: Sequence[Identifier], *, granted: Collection[str] = (), strong: Collection[str] = STRONG
) -> str | None:
    """What keeps `person` from being `patient`, whom the numbers `by` found; None: nothing does."""
    own = {each.value for each in person.identifiers if each.system == NATIONAL_ID}
    checks = {
        "conflict_birth_date": person.birth_date is not None and person.birth_date != patient.birth_date,
        "conflict_sex": person.sex is not None and patient.sex is not None and person.sex != patient.sex,
        "shared_identifier": None not in (person.birth_order, patient.birth_order) and person.birth_order != patient.birth_order,
        "conflict_national_id": bool(own and patient.national_ids and own.isdisjoint(patient.national_ids)),
        "conflict_name": person.name is not None and not same_name(person.name, patient.name) and not _renamed(person, patient, by),
    }
    for why, conflicting in checks.items():
        if conflicting and why not in granted:
            return why
    # A number that the hospital has not called strong may be used anew for somebody else.
    if not any(each.system in strong for each in by) and (person.name is None or person.birth_date is None):
        return "too_little"
    return None


def looks_like(person: Person, patient: OnFile) -> bool:
    """Whether name, birth date and a telephone agree, and nothing says that they are two (twins, other sex, other national id)."""
    own = {each.value for each in person.identifiers if each.system == NATIONAL_ID}
    return (
        person.name is not None
        and same_name(person.name, patient.name)
        and person.birth_date == patient.birth_date
        and not set(person.phones).isdisjoint(filter(None, map(plain_phone, patient.phones)))
        and (person.sex is None or patient.sex is None or person.sex == patient.sex)
        and (person.birth_order is None or patient.birth_order is None or person.birth_order == patient.birth_order)
        and not (own and patient.national_ids and own.isdisjoint(patient.national_ids))
    )


def same_name(one: str, other: str) -> bool:
    """Whether two names are written the same: width, case, spaces and middle dots do not matter, nor the order of Latin words."""
    return _name_key(one) == _name_key(other)


def is_newborn_name(name: str) -> bool:
    """Whether this is what a newborn goes by until it has a name of its own."""
    return _NEWBORN.fullmatch(_squeezed(name)) is not None


def plain_phone(written: str) -> str:
    """The digits of a telephone number, without the country's code; empty for what is too short to tell families apart."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", written))
    if len(digits) > 11 and digits.startswith("86"):
        digits = digits[2:]
    return digits if len(digits) >= 7 else ""


def number_text(identifier: Identifier) -> str:
    """A number as one text, `system:value`."""
    return f"{identifier.system}:{identifier.value}"


def _is_a_parents(number: Identifier, person: Person) -> bool:
    """A parent's national id given for the child: the birth date in it is another one."""
    return number.system == NATIONAL_ID and person.birth_date is not None and national_id.birth_date(number.value) != person.birth_date


def _renamed(person: Person, patient: OnFile, by: Iterable[Identifier]) -> bool:
    """A newborn that has got its name, or whose baby name is written another way; twins' baby names stay two."""
    one, other = is_newborn_name(person.name or ""), is_newborn_name(patient.name)
    if one and other and _places(person.name or "") != _places(patient.name):
        return False
    hospital_knows = any(each.system in (EMPI, RECORD_NUMBER) for each in by)
    same_mother = not patient.mother.isdisjoint(map(number_text, person.mother))
    return (one or other) and (hospital_knows or same_mother)


def _places(name: str) -> list[str]:
    """What tells twins' baby names apart."""
    tail = re.search(r"(?:之|大|小|长|次|双|毛|婴|宝宝|[A-D1-4]).*$", _squeezed(name)[1:])
    return _PLACE.findall(tail.group()) if tail else []


def _squeezed(name: str) -> str:
    return re.sub(r"[\s·•.．,，'’\-]", "", unicodedata.normalize("NFKC", name)).upper()


def _name_key(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).upper()
    words = re.findall(r"[A-Z]+", folded)
    return "".join(sorted(words)) if words and "".join(words) == _squeezed(name) else _squeezed(name)
