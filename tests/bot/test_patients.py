"""Whose record is whose, answered on the command line."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from bot.patients import accept, links, merge_numbers, refuse, unmerge_number
from bot.registry import RegistryError
from integrations.event import Identifier, Person
from records.database import Database
from records.feed import Feed, FeedMessage, message_row, store_messages
from records.patient_identifier import forget_claims
from records.schema import LinkProposal, Patient, PatientCarer
from tagging.portrait.numbers import in_words
from tests.bot.apply.conftest import NOON, XIAOMAN, ZONE, Hospital, hospital_in, merge, upsert
from tests.records.test_identity import id_card

SECOND = replace(XIAOMAN, identifiers=(Identifier("record-number", "N2"),))


@pytest.fixture
async def hospital(db: Database) -> AsyncIterator[Hospital]:
    async with db.transaction() as tx:
        yield await hospital_in(tx)


async def dead_letter(hospital: Hospital, code: str) -> None:
    """A message that waits for an answer."""
    feed = (await hospital.tx.scalars(select(Feed.id))).one()
    row = message_row(feed_id=feed, key=code, body=b"MSH|", received_at=NOON, connection="c", kind="ADT^A08", order_key="N1", refused=code)
    await store_messages(hospital.tx, [row])


async def the_question(hospital: Hospital) -> LinkProposal:
    return (await hospital.tx.scalars(select(LinkProposal).execution_options(populate_existing=True))).one()


async def test_two_records_that_look_alike_are_merged_on_a_yes(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND))
    asked = await the_question(hospital)
    told = await links(hospital.tx, everything=False, limit=9, zone=ZONE)
    assert "可能是同一位患者" in told and "N1" in told and "N2" in told
    assert "已合并：张小满 N2" in await accept(hospital.tx, asked.id, None, by="nurse-lin", now=NOON)
    assert (await hospital.patient()).record_number == "N1"
    assert (await the_question(hospital)).decided_by == "nurse-lin"
    assert await links(hospital.tx, everything=False, limit=9, zone=ZONE) == "没有待处理的问题。"
    with pytest.raises(RegistryError, match="已经有答复"):
        await accept(hospital.tx, asked.id, None, by="nurse-lin", now=NOON)


async def test_nobody_is_bound_to_a_chat_by_a_merge(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND))
    await accept(hospital.tx, (await the_question(hospital)).id, None, by="nurse-lin", now=NOON)
    assert (await hospital.tx.scalars(select(PatientCarer.carer_id))).all() == []


async def test_a_message_that_waited_is_applied_on_a_yes(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.is_refused(upsert(name="李小满"))
    await dead_letter(hospital, "conflict_name")
    await dead_letter(hospital, "unreadable")
    asked = await the_question(hospital)
    assert "消息在等待答复" in await links(hospital.tx, everything=False, limit=9, zone=ZONE)
    assert "1条" in await accept(hospital.tx, asked.id, None, by="nurse-lin", now=NOON)
    states = (await hospital.tx.execute(select(FeedMessage.key, FeedMessage.state))).all()
    assert dict(states) == {"conflict_name": "new", "unreadable": "dead"}
    await hospital.says(upsert(name="李小满"))
    assert (await hospital.patient()).name == "李小满"


async def test_a_no_is_kept(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND))
    await refuse(hospital.tx, (await the_question(hospital)).id, by="nurse-lin", now=NOON)
    await hospital.says(upsert(SECOND))
    assert (await the_question(hospital)).state == "refused"
    assert "已确认不是同一人" in await links(hospital.tx, everything=True, limit=9, zone=ZONE)


async def test_a_parents_number_alone_needs_the_child_named(hospital: Hospital) -> None:
    await hospital.says(upsert())
    mothers = Identifier("national-id", id_card(date(1995, 5, 5)))
    child = Person(identifiers=(mothers,), name="张小满", birth_date=XIAOMAN.birth_date)
    await hospital.is_refused(upsert(child))
    asked = await the_question(hospital)
    with pytest.raises(RegistryError, match="--patient"):
        await accept(hospital.tx, asked.id, None, by="nurse-lin", now=NOON)
    await accept(hospital.tx, asked.id, "n 1", by="nurse-lin", now=NOON)
    await hospital.says(upsert(child, phones=("13911112222",)))
    assert (await hospital.patient()).phones == ["13911112222"]


async def test_merging_by_hand_and_taking_it_back(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND, name="李四", birth_date=date(2024, 1, 1)))
    await merge_numbers(hospital.tx, "N1", "N2", "重复建档", by="nurse-lin", now=NOON)
    assert len(await hospital.patients()) == 1
    with pytest.raises(RegistryError, match="已经是同一位"):
        await merge_numbers(hospital.tx, "N1", "N2", "", by="nurse-lin", now=NOON)
    assert "李四" in await unmerge_number(hospital.tx, "n2", by="nurse-lin", now=NOON)
    assert [patient.name for patient in await hospital.patients()] == ["张小满", "李四"]
    with pytest.raises(RegistryError, match="没有可以撤销"):
        await unmerge_number(hospital.tx, "N2", by="nurse-lin", now=NOON)


async def test_two_who_cannot_be_one_are_merged_by_the_hospital_after_a_yes(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND, birth_date=date(2024, 1, 1)))
    await hospital.is_refused(merge(Person(identifiers=SECOND.identifiers)))
    await accept(hospital.tx, (await the_question(hospital)).id, None, by="nurse-lin", now=NOON)
    assert len((await hospital.tx.scalars(select(Patient))).all()) == 1
    with pytest.raises(RegistryError, match="没有第99个问题"):
        await refuse(hospital.tx, 99, by="nurse-lin", now=NOON)


async def test_once_one_of_several_is_meant_the_others_are_not_asked_about_any_more(hospital: Hospital) -> None:
    said = {"name": "张小满", "identifiers": [{"system": "visit-card", "value": "C1"}]}
    await hospital.says(upsert())
    await hospital.says(upsert(replace(SECOND, name="李小满")))
    first, second = await hospital.patients()
    for number, (message, candidate) in enumerate([("m1", first), ("m1", second), ("m2", second)]):
        question = {"key": f"k{number}", "why": "shared_identifier", "feed": "his", "message_id": message, "person": said}
        hospital.tx.add(LinkProposal(candidate_id=candidate.id, created_at=NOON, **question))
    await hospital.tx.flush()
    rows = list(await hospital.tx.scalars(select(LinkProposal).where(LinkProposal.why == "shared_identifier").order_by(LinkProposal.id)))
    await accept(hospital.tx, rows[0].id, None, by="nurse-lin", now=NOON)
    await hospital.tx.flush()
    assert [row.state for row in rows] == ["accepted", "refused", "open"]


async def test_what_was_said_of_people_is_forgotten_a_month_after_the_answer(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND))
    await refuse(hospital.tx, (await the_question(hospital)).id, by="nurse-lin", now=NOON)
    assert await forget_claims(hospital.tx, NOON + timedelta(days=29)) == 0
    assert await forget_claims(hospital.tx, NOON + timedelta(days=31)) == 1
    assert (await the_question(hospital)).person == {}
    await hospital.says(upsert(SECOND))
    assert (await the_question(hospital)).state == "refused", "it is not put again"


def test_a_number_that_stands_in_for_a_record_number_is_called_by_its_name() -> None:
    assert [in_words(number) for number in ("N1", "inpatient-number:B7", "his:lab:MR:77")] == ["N1", "住院号 B7", "77"]
