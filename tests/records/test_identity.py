"""Whose record it is: strong numbers link where everything agrees; what does not fit is a person's to decide."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.event import Identifier, Person
from records import national_id
from records.identity import Decision, OnFile, decide, is_newborn_name, known_as, looks_like, same_name

BORN = date(2026, 3, 1)
RECORD = Identifier("record-number", "N1")
MOTHER = Identifier("record-number", "M7")
XIAOMAN = OnFile(1, "张小满", "F", BORN, ("13800001234",))


def id_card(born: date, order: int = 2, place: str = "110101") -> str:
    """A number with a right check character, of nobody."""
    body = f"{place}{born:%Y%m%d}{order:03d}"
    sum_ = sum(int(digit) * weight for digit, weight in zip(body, national_id.WEIGHTS, strict=True))
    return body + national_id.CHECKS[sum_ % 11]


def person(*numbers: Identifier, name: str | None = "张小满", sex: str | None = "F", born: date | None = BORN, **more: object) -> Person:
    return known_as(Person(identifiers=numbers, name=name, sex=sex, birth_date=born, **more))  # type: ignore[arg-type]


def test_the_number_of_an_identity_card_proves_itself() -> None:
    number = id_card(BORN)
    assert national_id.normal(f" {number[:6]} {number[6:].lower()}") == number
    assert (national_id.birth_date(number), national_id.sex(number)) == (BORN, "F")


@given(place=st.integers(0, 17), digit=st.sampled_from("0123456789"), order=st.integers(0, 999))
def test_one_wrong_digit_is_noticed(place: int, digit: str, order: int) -> None:
    number = id_card(BORN, order)
    mistyped = number[:place] + digit + number[place + 1 :]
    assert (national_id.normal(mistyped) is not None) == (mistyped == number)


def test_a_record_number_that_fits_links() -> None:
    assert decide(person(RECORD), {RECORD: XIAOMAN}).id == 1
    assert decide(person(RECORD, name=None, sex=None, born=None), {RECORD: XIAOMAN}).id == 1


@pytest.mark.parametrize(
    "why, said",
    [
        ("conflict_name", {"name": "李小满"}),
        ("conflict_birth_date", {"born": date(2026, 3, 2)}),
        ("conflict_sex", {"sex": "M"}),
    ],
)
def test_the_same_number_with_other_particulars_stops(why: str, said: dict[str, object]) -> None:
    stopped = decide(person(RECORD, **said), {RECORD: XIAOMAN})  # type: ignore[arg-type]
    assert (stopped.what, stopped.why, stopped.candidates) == ("stop", why, (1,))
    assert decide(person(RECORD, **said), {RECORD: XIAOMAN}, granted={(why, 1)}).id == 1  # type: ignore[arg-type]


def test_name_birth_date_and_phone_only_propose() -> None:
    new = decide(person(Identifier("record-number", "N2"), phones=("138-0000-1234",)), {}, [XIAOMAN])
    assert (new.what, new.candidates) == ("create", (1,))
    stopped = decide(person(phones=("+86 13800001234",)), {}, [XIAOMAN])
    assert (stopped.what, stopped.why, stopped.candidates) == ("stop", "name_birth_phone", (1,))


def test_a_family_that_shares_a_phone_is_not_one_person() -> None:
    brother = person(Identifier("record-number", "N2"), name="张小星", sex="M", born=date(2023, 1, 1), phones=("13800001234",))
    assert decide(brother, {}, [XIAOMAN]) == Decision("create", usable=brother.identifiers)


def test_twins_stay_two() -> None:
    first = OnFile(1, "张三之女", "F", BORN, ("13800001234",), birth_order=1, mother=frozenset({"record-number:M7"}))
    second = person(Identifier("record-number", "N2"), name="张三之女", phones=("13800001234",), birth_order=2, mother=(MOTHER,))
    assert decide(second, {}, [first]).candidates == ()
    stopped = decide(replace(second, identifiers=(RECORD,)), {RECORD: first})
    assert (stopped.what, stopped.why) == ("stop", "shared_identifier")


@pytest.mark.parametrize(
    "one, other, fits",
    [
        ("张三之女", "张小满", True),
        ("张小满", "张三之女", True),  # the old name comes late
        ("李四大毛", "李思齐", True),
        ("张三之女", "张三女婴", True),
        ("李四大毛", "李四小毛", False),
        ("张三之大女", "张三之小女", False),
        ("张小满", "张晓曼", False),
    ],
)
def test_a_newborn_gets_its_name(one: str, other: str, fits: bool) -> None:
    decision = decide(person(RECORD, name=other), {RECORD: replace(XIAOMAN, name=one)})
    assert (decision.what == "link") is fits


def test_a_newborns_name_needs_the_record_number_or_the_mother() -> None:
    card = Identifier("feed:lis:HC", "77")
    baby = replace(XIAOMAN, name="张三之女", mother=frozenset({"record-number:M7"}))
    assert decide(person(card), {card: baby}).why == "conflict_name"
    assert decide(person(card, mother=(MOTHER,)), {card: baby}).id == 1


def test_a_parents_national_id_is_not_the_childs() -> None:
    mothers = Identifier("national-id", id_card(date(1995, 5, 5)))
    decision = decide(person(RECORD, mothers), {RECORD: XIAOMAN, mothers: OnFile(9, "张三", "F", date(1995, 5, 5))})
    assert (decision.what, decision.id, decision.usable, decision.refused) == ("link", 1, (RECORD,), (mothers,))
    alone = decide(person(mothers), {mothers: OnFile(9, "张三", "F", date(1995, 5, 5))})
    assert (alone.what, alone.why) == ("stop", "mother_id_used")


def test_a_national_id_tells_the_birth_date_and_a_wrong_one_tells_nothing() -> None:
    good, bad = id_card(BORN), id_card(BORN)[:-1] + ("0" if id_card(BORN)[-1] != "0" else "1")
    assert person(Identifier("national-id", good), born=None).birth_date == BORN
    assert person(Identifier("national-id", bad), RECORD).identifiers == (RECORD,)


def test_another_national_id_under_the_same_record_number_stops() -> None:
    other = Identifier("national-id", id_card(BORN, 4))
    stopped = decide(person(RECORD, other), {RECORD: replace(XIAOMAN, national_ids=frozenset({id_card(BORN)}))})
    assert stopped.why == "conflict_national_id"


def test_a_number_of_two_patients_is_a_persons_to_decide() -> None:
    empi = Identifier("empi", "E1")
    stopped = decide(person(RECORD, empi), {RECORD: XIAOMAN, empi: replace(XIAOMAN, id=2)})
    assert (stopped.what, stopped.why, stopped.candidates) == ("stop", "shared_identifier", (1, 2))


def test_a_feeds_own_number_links_only_with_name_and_birth_date() -> None:
    own = Identifier("feed:lis:", "778")
    assert decide(person(own), {own: XIAOMAN}).id == 1
    assert decide(person(own, name=None), {own: XIAOMAN}).why == "too_little"
    assert decide(person(own, name=None), {own: XIAOMAN}, strong={"feed:lis:"}).id == 1


def test_who_is_not_on_file_is_new_once_enough_is_known() -> None:
    assert decide(person(RECORD), {}).what == "create"
    assert decide(person(RECORD, born=None), {}).why == "not_on_file"
    assert decide(person(), {}).why == "no_identifier"


def test_names_are_compared_as_people_read_them() -> None:
    assert same_name("阿依古丽·买买提", "阿依古丽 买买提")
    assert same_name("SMITH JOHN", "John Smith")
    assert not same_name("张小满", "张小曼")
    assert not is_newborn_name("张小满")


NUMBERS = st.sampled_from([RECORD, Identifier("record-number", "N2"), Identifier("empi", "E1"), Identifier("feed:lis:", "1")])
NAMES = st.sampled_from([None, "张小满", "张三之女", "李四", "张三之小女"])
BIRTHS = st.sampled_from([None, BORN, date(2026, 3, 2)])
SEXES = st.sampled_from([None, "F", "M"])
PEOPLE = st.builds(
    lambda numbers, name, sex, born, order: person(*numbers, name=name, sex=sex, born=born, birth_order=order, phones=("13800001234",)),
    st.lists(NUMBERS, max_size=3),
    NAMES,
    SEXES,
    BIRTHS,
    st.sampled_from([None, 1, 2]),
)
PATIENTS = st.builds(
    OnFile, st.integers(1, 3), NAMES.filter(bool), SEXES, BIRTHS.filter(bool), st.just(("13800001234",)), st.sampled_from([None, 1, 2])
)


@given(who=PEOPLE, patients=st.lists(PATIENTS, max_size=3, unique_by=lambda patient: patient.id), data=st.data())
def test_nothing_ever_links_against_what_is_known(who: Person, patients: list[OnFile], data: st.DataObject) -> None:
    found = {number: data.draw(st.sampled_from(patients)) for number in who.identifiers if patients and data.draw(st.booleans())}
    decision = decide(who, found, patients)
    if decision.what == "link":
        patient = next(each for each in patients if each.id == decision.id)
        assert {each.id for each in found.values()} == {decision.id}
        assert who.birth_date in (None, patient.birth_date) and who.sex in (None, patient.sex, *([who.sex] if patient.sex is None else []))
        assert who.birth_order in (None, patient.birth_order) or patient.birth_order is None
    if decision.what == "create":
        assert not found and who.identifiers
    if not found:
        assert decision.what != "link"
    assert decision == decide(replace(who, identifiers=who.identifiers), dict(reversed(found.items())), patients[::-1])


@given(who=PEOPLE, patient=PATIENTS)
def test_likeness_is_never_more_than_a_proposal(who: Person, patient: OnFile) -> None:
    assert decide(who, {}, [patient]).what != "link"
    if looks_like(who, patient):
        assert who.birth_date == patient.birth_date and same_name(str(who.name), patient.name)
