"""Whoever a plain look through all texts finds is found by keys too, and nobody else, before and after they are brought up to date."""

import random
import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from bot.chat_list import _LATEST, chat_list
from records.chat_desk import belongs_to
from records.database import Database
from records.patient import Carer, Patient, PatientCarer
from records.patient_identifier import PatientIdentifier
from records.patient_search import search_patients
from records.schema import Chat, SearchEntry, SearchNews
from records.search_entry import _OPEN, take_in
from records.search_keys import name_pieces, name_sought, number_pieces, number_sought, phone_pieces, phone_sought
from records.staff import Staff, Team, TeamMember

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
LETTERS = st.text(st.sampled_from("王小明安 A%_"), max_size=6)
DIGITS = st.text(st.sampled_from("0123"), max_size=9)


@given(LETTERS, LETTERS.filter(bool), LETTERS)
def test_a_name_has_the_pieces_of_each_part_of_it(before: str, part: str, after: str) -> None:
    assert name_sought(part) <= name_pieces(before + part + after)


@given(DIGITS, st.text(st.sampled_from("0123"), min_size=4, max_size=9), DIGITS)
def test_a_telephone_has_the_pieces_of_its_digits_and_a_number_those_of_its_beginning(before: str, part: str, after: str) -> None:
    assert phone_sought(part) <= phone_pieces(f"+86-{before}{part}{after}")
    assert number_sought(part) <= number_pieces(part + before + after)


async def test_the_same_are_found_as_by_looking_through_all(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(5)
    async with db.transaction() as tx:
        lin = await _hospital(tx, draw)
        asked = [_said(draw) for _ in range(25)]
        plain = [await _plainly(tx, lin, said) for said in asked]
        assert await _found(tx, lin, asked) == plain
        while await take_in(tx):
            pass
        assert (await tx.scalars(select(SearchNews))).all() == []
        assert await _found(tx, lin, asked) == plain
        await _change(tx, draw)
        plain = [await _plainly(tx, lin, said) for said in asked]
        assert await _found(tx, lin, asked) == plain
        while await take_in(tx):
            pass
        assert await _found(tx, lin, asked) == plain
        # Too many to be looked through at once: those of the latest chats come first.
        monkeypatch.setattr("bot.chat_list.NEAR", 1)
        monkeypatch.setattr("bot.chat_list._LATEST", _LATEST.limit(3))
        assert await _found(tx, lin, asked) == plain
    assert sum(bool(patients) for patients, _ in plain) > 10 and sum(bool(chats) for _, chats in plain) > 8


async def test_of_many_who_are_called_so_the_latest_are_shown(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.chat_list.NEAR", 10)
    monkeypatch.setattr("bot.chat_list.MOST", 4)
    async with db.transaction() as tx:
        lin = await _hospital(tx, random.Random(6))
        await tx.execute(text("update carer set name = '王一'"))
        await tx.execute(text("update chat set window_from = opened_at + id * interval '1 minute' where id % 3 > 0"))
        while await take_in(tx):
            pass
        latest = select(Chat.id).where(belongs_to(lin.id)).order_by(Chat.window_from.desc().nulls_last(), Chat.id).limit(4)
        expected = sorted(await tx.scalars(latest))
        assert sorted(item.id for item in await chat_list(tx, lin, NOW, search="王一")) == expected


async def test_whether_any_entry_has_open_keys_is_asked_of_the_index_of_those(db: Database) -> None:
    """Of a million entries that all have secret ones it would be a look through all, before every search."""
    async with db.transaction() as tx:
        await tx.execute(text("set local enable_seqscan = off"))
        asked = _OPEN.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(await tx.scalars(text(f"explain {asked}")))
    assert "ix_search_entry_open" in plan


async def test_who_is_gone_leaves_no_keys(db: Database) -> None:
    async with db.transaction() as tx:
        await _hospital(tx, random.Random(6))
        while await take_in(tx):
            pass
        await tx.execute(delete(PatientIdentifier))
        await tx.execute(delete(PatientCarer))
        await tx.execute(delete(Chat))
        await tx.execute(delete(Patient))
        while await take_in(tx):
            pass
        assert (await tx.scalars(select(SearchEntry))).all() == []


def _name(draw: random.Random) -> str:
    return "".join(draw.choices("王小明安A", k=draw.randint(1, 4)))


def _phone(draw: random.Random) -> str:
    return "138-" + "".join(draw.choices("0123", k=8))


def _said(draw: random.Random) -> str:
    kind = draw.randrange(4)
    if kind == 0:
        return "".join(draw.choices("0123", k=draw.randint(3, 5)))
    return f"N{draw.randint(0, 30)}" if kind == 1 else _name(draw)[: kind - 1]


async def _hospital(tx: AsyncSession, draw: random.Random) -> Staff:
    """Two teams, one of them a nurse's, 50 children, each with a carer of whom half write, a telephone, and another number."""
    teams, lin = [Team(name="one"), Team(name="other")], Staff(userid="lin", name="林", title="护士")
    tx.add_all([*teams, lin])
    await tx.flush()
    tx.add(TeamMember(team_id=teams[0].id, staff_id=lin.id))
    for number in range(50):
        team = draw.choice(teams).id
        patient = Patient(team_id=team, record_number=f"n-{number}", name=_name(draw), sex="F", birth_date=date(2025, 1, 1))
        patient.phones = [_phone(draw)]
        carer = Carer(name=_name(draw), phone=_phone(draw))
        tx.add_all([patient, carer])
        await tx.flush()
        # One in ten has a chat and speaks for nobody.
        if number % 10:
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
        until = NOW if number % 7 == 0 else None
        tx.add(PatientIdentifier(patient_id=patient.id, system="empi", value=f"N{number}0", source="his", since=NOW, until=until))
        if number % 2 == 0:
            tx.add(Chat(open_kfid="wk", external_userid=f"wm{number}", carer_id=carer.id, team_id=draw.choice(teams).id, opened_at=NOW))
    await tx.flush()
    return lin


async def _change(tx: AsyncSession, draw: random.Random) -> None:
    """Every way in which somebody comes to be found by something else."""
    patients = list(await tx.scalars(select(Patient).order_by(Patient.id)))
    carers = list(await tx.scalars(select(Carer).order_by(Carer.id)))
    for number in range(0, 50, 5):
        patients[number].name, patients[number + 1].phones, carers[number + 2].name = _name(draw), [_phone(draw)], _name(draw)
        carers[number + 3].phone, patients[number + 4].record_number = _phone(draw), f"N1{number}"
    await tx.flush()
    team = patients[0].team_id
    for change in (
        "update patient set team_id = :team where id % 6 = 0",
        "delete from patient_carer where patient_id % 9 = 0",
        "update patient_identifier set until = null where patient_id % 14 = 0",
        "delete from patient_identifier where patient_id % 8 = 0",
        "update chat set team_id = :team where id % 4 = 0",
        "delete from patient_carer where carer_id in (select min(carer_id) from patient_carer)",
    ):
        await tx.execute(text(change), {"team": team} if ":team" in change else {})
    tx.add(PatientCarer(patient_id=patients[2].id, carer_id=carers[10].id, relationship="父亲"))
    await tx.flush()
    for each in (*patients, *carers):
        await tx.refresh(each)


async def _found(tx: AsyncSession, lin: Staff, asked: list[str]) -> list[tuple[list[int], list[int]]]:
    return [
        (
            sorted(patient.id for patient in await search_patients(tx, lin, said, now=NOW)),
            sorted(item.id for item in await chat_list(tx, lin, NOW, search=said)),
        )
        for said in asked
    ]


async def _plainly(tx: AsyncSession, lin: Staff, said: str) -> tuple[list[int], list[int]]:
    """The same, looked up in Python."""
    mine = set(await tx.scalars(select(TeamMember.team_id).where(TeamMember.staff_id == lin.id)))
    patients = {row.id: row for row in await tx.scalars(select(Patient))}
    carers = {row.id: row for row in await tx.scalars(select(Carer))}
    pairs = [(row.patient_id, row.carer_id) for row in await tx.scalars(select(PatientCarer))]
    numbers = [(row.patient_id, row.value) for row in await tx.scalars(select(PatientIdentifier)) if row.until is None]
    plain, digits = re.sub(r"[^0-9A-Za-z]", "", said).upper(), said if said.isdigit() and len(said) >= 4 else None
    found, chats = [], []
    for id, patient in patients.items():
        phones = [*patient.phones, *(carers[carer].phone for child, carer in pairs if child == id)]
        if patient.team_id in mine and (
            said in patient.name
            or (plain and patient.record_number.replace("-", "").upper().startswith(plain))
            or (plain and (id, plain) in numbers)
            or any(digits and digits in phone for phone in phones)
        ):
            found.append(id)
    for chat in await tx.scalars(select(Chat)):
        children = [patients[child] for child, carer in pairs if carer == chat.carer_id]
        own = [child for child in children if child.team_id in mine]
        called = said in carers[chat.carer_id].name or any(said in child.name or said == child.record_number for child in own)
        if called and (own or (chat.team_id in mine and not children)):
            chats.append(chat.id)
    return sorted(found), sorted(chats)
