"""Messages come late, twice and out of order: the record is the same."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.apply import NeedsPerson, apply_all
from integrations.event import Booked, Coded, Diagnosed, Event, Identifier, Message, Ordered, Vaccinated
from records.database import Database
from records.schema import Appointment, Base, Condition, Encounter, Immunization, LabResult, MedicationRequest, Observation, Patient
from tests.bot.apply.conftest import (
    NOON,
    RECEIVED,
    UNSAID,
    XIAOMAN,
    ZONE,
    Hospital,
    at,
    hospital_in,
    merge,
    message,
    observed,
    upsert,
    visit,
)
from tests.keys import KEYRING

TABLES: tuple[type[Base], ...] = (
    Patient, Encounter, LabResult, Observation, Appointment, MedicationRequest, Condition, Immunization,
)  # fmt: skip

BEDS = st.sampled_from([None, "1", "2"])
DAYS = st.sampled_from([None, at(100), at(5000)])
UPSERTS = st.builds(
    lambda name, phone, weeks: upsert(name=name, phones=phone, gestational_age_weeks=weeks),
    st.sampled_from(["张小满", "张三之女"]),
    st.sampled_from([(), ("13800001234",), ("13900000000",)]),
    st.sampled_from([None, 34, 39]),
)
VISITS = st.builds(
    lambda what, kind, bed, began, ended: visit(what, kind=kind, bed=bed, admitted_at=began, discharged_at=ended),
    st.sampled_from(["admit", "update", "discharge", "cancel_admit", "cancel_discharge"]),
    st.sampled_from([None, "inpatient", "preadmit"]),
    BEDS,
    st.sampled_from([None, at(-100), at(-50)]),
    DAYS,
)
RESULTS = st.builds(
    lambda name, value, status, shown: observed(name, *value, status=status, unit="℃", released_at=shown),
    st.sampled_from(["体温", "白细胞"]),
    st.sampled_from([(), ("38.5",), ("阴性",), ("39", "40"), ("500",)]),
    st.sampled_from("FPCDWIX"),
    st.sampled_from([None, NOON]),
)
OTHERS = st.one_of(
    st.builds(
        lambda status, place: Booked(person=XIAOMAN, key="B", starts_at=NOON, place=place, status=status),
        st.sampled_from(["booked", "cancelled", "fulfilled"]),
        st.sampled_from([None, "3楼", "4楼"]),
    ),
    st.builds(
        lambda status, dose: Ordered(person=XIAOMAN, key="M", kind="medicine", code=Coded("A", "阿司匹林"), status=status, dose=dose),
        st.sampled_from(["active", "stopped"]),
        st.sampled_from([None, "1片", "2片"]),
    ),
    st.builds(lambda active, code: Diagnosed(person=XIAOMAN, key="D", code=Coded(code, "早产"), active=active), st.booleans(), BEDS),
    st.builds(lambda given, lot: Vaccinated(person=XIAOMAN, key="I", code=Coded("1", "卡介苗"), given=given, lot=lot), st.booleans(), BEDS),
)
MESSAGES = st.lists(st.lists(st.one_of(UPSERTS, VISITS, RESULTS, OTHERS), min_size=1, max_size=3), min_size=2, max_size=6)


async def record(hospital: Hospital) -> dict[str, list[dict[str, Any]]]:
    """What the record says, without what only tells when we heard of it."""
    found = {}
    for table in TABLES:
        columns = [column for column in table.__table__.columns if column.name not in UNSAID and not column.name.endswith("_id")]
        await hospital.tx.flush()
        rows = (await hospital.tx.execute(select(*columns))).mappings().all()
        found[table.__name__] = sorted((dict(row) for row in rows), key=str)
    return found


class _Over(Exception):
    """Ends a transaction that is not to stay."""


async def told(db: Database, messages: list[Message], *, at_once: bool = False) -> dict[str, list[dict[str, Any]]]:
    """The record after these messages, in this order, one by one or in a batch; nothing of it stays."""
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        async with db.transaction() as tx:
            hospital = await hospital_in(tx)
            if at_once:
                await apply_all(tx, [(each, RECEIVED) for each in messages], feed="his", now=NOON, zone=ZONE)
            else:
                for each in messages:
                    await hospital.sends(each)
            found = await record(hospital)
            raise _Over
    except _Over:
        return found


# Shrinking through a database takes minutes; what fails is short enough to read.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=25, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), said=MESSAGES)
def test_any_order_and_any_repeats_give_the_same_record(database_url: str, data: st.DataObject, said: list[list[Event]]) -> None:
    # Some at the same moment: then the source's number decides.
    messages = [message(*events, id=str(number), minutes=number // 2) for number, events in enumerate(said)]
    order = data.draw(st.permutations(range(len(messages))))
    again = data.draw(st.lists(st.sampled_from(range(len(messages))), max_size=3))

    async def both() -> None:
        db = Database(url=database_url, pool_size=1, keyring=KEYRING)
        await db.open()
        try:
            in_order = await told(db, messages)
            assert await told(db, [messages[number] for number in [*order, *again]], at_once=data.draw(st.booleans())) == in_order
        finally:
            await db.close()

    asyncio.run(both())


async def test_an_admission_taken_back_stays_so_when_a_later_message_that_says_no_state_came_first(db: Database) -> None:
    taken_back = message(visit("cancel_admit", bed="2"), id="1", minutes=0)
    later = message(upsert(), visit("update", kind=None), id="2", minutes=1)
    first, second = await told(db, [taken_back, later]), await told(db, [later, taken_back, later])
    assert first == second and [stay["state"] for stay in second["Encounter"]] == ["cancelled"]


async def test_the_same_messages_again_change_nothing_at_all(hospital: Hospital) -> None:
    messages = [
        message(upsert(), visit("admit"), observed("体温", "38.5", unit="℃"), observed("白细胞", "5.1"), id="1", minutes=1),
        message(visit("discharge", discharged_at=NOON), observed("白细胞", "6.1", status="C"), id="2", minutes=2),
        message(upsert(phones=("13900000000",)), id="3", minutes=3),
    ]
    for each in messages:
        await hospital.sends(each)
    counts = {table.name: len((await hospital.tx.execute(select(table))).all()) for table in Base.metadata.tables.values()}
    before = await record(hospital)
    for each in [*messages, *reversed(messages)]:
        await hospital.sends(each)
    assert await record(hospital) == before
    assert {table.name: len((await hospital.tx.execute(select(table))).all()) for table in Base.metadata.tables.values()} == counts


async def test_a_month_late_is_late_and_not_news(hospital: Hospital) -> None:
    await hospital.sends(message(upsert(), visit("admit", bed="2"), id="9", minutes=60 * 24 * 30))
    await hospital.sends(message(upsert(phones=("13900000000",)), visit("update", bed="1"), id="1", minutes=0))
    (stay,) = await hospital.rows(Encounter)
    assert stay.bed == "2"
    assert (await hospital.patient()).phones == ["13800001234"]


async def test_a_batch_is_applied_whole_or_not_at_all(db: Database) -> None:
    batch = [
        message(upsert(), observed("白细胞", "5.1"), id="1"),
        message(observed("白细胞", "6.1", status="C"), visit("admit", number=None, admitted_at=None), id="2", minutes=1),
        message(upsert(name="李四"), id="3", minutes=2),
    ]
    async with db.transaction() as tx:
        hospital = await hospital_in(tx)
        with pytest.raises(NeedsPerson, match="conflict_name"):
            async with tx.begin_nested():
                await apply_all(tx, [(each, RECEIVED) for each in batch], feed="his", now=NOON, zone=ZONE)
        assert await hospital.patients() == []
        await apply_all(tx, [(each, RECEIVED) for each in batch[:2]], feed="his", now=NOON, zone=ZONE)
        (row,) = await hospital.rows(LabResult)
        assert (row.text, row.patient_id) == ("6.1", (await hospital.patient()).id)
        assert [stay.state for stay in await hospital.rows(Encounter)] == ["in-progress"]


async def test_a_merge_within_a_batch(db: Database) -> None:
    second = replace(XIAOMAN, identifiers=(Identifier("record-number", "N2"),))
    batch = [
        message(upsert(), id="1"),
        message(upsert(second), observed("白细胞", "5.1", person=second), id="2", minutes=1),
        message(merge(second), id="3", minutes=2),
        message(observed("白细胞", "6.1", person=second, status="C"), id="4", minutes=3),
    ]
    async with db.transaction() as tx:
        hospital = await hospital_in(tx)
        await apply_all(tx, [(each, RECEIVED) for each in batch], feed="his", now=NOON, zone=ZONE)
        (row,) = await hospital.rows(LabResult)
        assert (row.text, row.patient_id) == ("6.1", (await hospital.patient()).id)
