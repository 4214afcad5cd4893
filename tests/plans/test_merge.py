"""Two patients become one and, when that was wrong, two again: nothing is forgotten, nothing is lost, nothing stays double."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.merge import MergeError, merge, merge_behind, unmerge
from records.database import Database
from records.flag import raise_flag
from records.merging import SEALED, patient_columns
from records.patient import patients_numbered
from records.read_log import looks_at
from records.schema import (
    Appointment,
    Base,
    CarePlan,
    Carer,
    Chat,
    Flag,
    LinkProposal,
    Observation,
    Patient,
    PatientCarer,
    PatientIdentifier,
    PatientMerge,
    PatientTag,
    QuestionnaireResponse,
    ReadAudit,
    Tag,
    TagChange,
    Task,
)
from tests.keys import KEYRING
from tests.plans.conftest import BIRTH, DISCHARGE, Family, local, make_family

NOW = local(DISCHARGE + timedelta(days=2), 12)
# What says that a merge was and was undone, and work that is asked for anew.
TELLS = {"state_change", "patient_merge", "retag_request", "patient_news", "search_news", "tag_change", "patient_event"}


@dataclass
class Twofold:
    """Xiaoman, who was put on file a second time under another number."""

    family: Family
    kept: Patient
    gone: Patient

    @property
    def tx(self) -> AsyncSession:
        return self.family.tx


async def twofold(tx: AsyncSession) -> Twofold:
    family = await make_family(tx)
    kept = family.patient
    gone = Patient(
        team_id=family.team.id, record_number="N2", name="小满", sex="F", birth_date=BIRTH, birth_weight_g=3400, gestational_age_weeks=39
    )
    gone.tags, gone.phones = ["chemo"], ["13800001234"]
    father = Carer(name="钱", external_userid="wm2")
    tag = Tag(code="preterm", name="早产", kind="diagnosis", meaning="", updated_at=NOW)
    tx.add_all([gone, father, tag])
    await tx.flush()
    chat = Chat(open_kfid="wk1", external_userid="wm2", carer_id=father.id, patient_id=gone.id, team_id=family.team.id, opened_at=NOW)
    tx.add_all([
        chat,
        PatientCarer(patient_id=gone.id, carer_id=father.id, relationship="父亲"),
        PatientCarer(patient_id=gone.id, carer_id=family.carer.id, relationship="母亲", primary=False),
        PatientIdentifier(patient_id=kept.id, system="empi", value="E1", source="his", since=NOW),
        PatientIdentifier(patient_id=gone.id, system="empi", value="E2", source="his", since=NOW),
        Observation(patient_id=gone.id, code="weight", value=3.5, unit="kg", text="3.5kg", effective_at=NOW, recorded_at=NOW),
        Appointment(patient_id=gone.id, source="his", source_id="A1", starts_at=NOW, department="新生儿科", updated_at=NOW),
        QuestionnaireResponse(
            questionnaire="pain", version=1, team_id=family.team.id, patient_id=gone.id, state="assigned", created_by="x", created_at=NOW
        ),
        LinkProposal(
            key="k", why="name_birth_phone", feed="his", message_id="1", person={}, patient_id=gone.id, candidate_id=kept.id, created_at=NOW
        ),
    ])  # fmt: skip
    for patient in (kept, gone):
        tx.add(
            PatientTag(
                patient_id=patient.id, tag_id=tag.id, state="active", source="his", author="his", since=NOW, evidence_at=NOW, asks=False
            )
        )
    await tx.flush()
    await family.enrolled()
    family.patient = gone
    await family.enrolled()
    family.patient = kept
    await raise_flag(
        tx, chat, level="urgent", categories=["breathing"], said="喘", because="喘", evidence=[{"rule": "b"}], now=NOW, patient_id=gone.id
    )
    await tx.flush()
    return Twofold(family, kept, gone)


@pytest.fixture
async def two(db: Database) -> AsyncIterator[Twofold]:
    async with db.transaction() as tx:
        yield await twofold(tx)


async def record(tx: AsyncSession) -> dict[str, list[dict[str, Any]]]:
    """Everything in the database but what tells of merges."""
    await tx.flush()
    tables = [table for name, table in Base.metadata.tables.items() if name not in TELLS]
    found = {}
    for table in tables:
        rows = [dict(row) for row in (await tx.execute(select(*(each for each in table.columns if each.name != "changed_at")))).mappings()]
        found[table.name] = sorted(rows, key=str)
    return found


async def test_everything_moves_and_the_old_number_finds_him(two: Twofold) -> None:
    gone_id = two.gone.id
    await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    for column in patient_columns():
        assert await two.tx.scalar(select(column).where(column == gone_id).limit(1)) is None, f"{column} still names who is gone"
    assert await two.tx.get(Patient, gone_id) is None
    assert [patient.id for patient in await patients_numbered(two.tx, "N2")] == [two.kept.id]
    assert (await two.tx.scalars(select(PatientIdentifier.alias).where(PatientIdentifier.value == "E2"))).one()
    assert (two.kept.tags, two.kept.phones) == (["chemo"], ["13800001234"])


async def test_who_read_either_of_them_is_told_of_the_one_and_the_log_stays_as_it_was(two: Twofold) -> None:
    ids = (two.kept.id, two.gone.id)
    two.tx.add_all(ReadAudit(patient_id=id, staff_id=two.family.lin.id, at=NOW, why=f"portrait {id}") for id in ids)
    merged = await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    assert {row.why for row in await two.tx.scalars(select(ReadAudit).where(ReadAudit.patient_id == ids[1]))} >= {f"portrait {ids[1]}"}
    assert {look.why for look in await looks_at(two.tx, ids[0])} >= {f"portrait {id}" for id in ids}
    await unmerge(two.tx, merged, now=NOW, by="his")
    assert f"portrait {ids[1]}" not in {look.why for look in await looks_at(two.tx, ids[0])}
    assert f"portrait {ids[1]}" in {look.why for look in await looks_at(two.tx, ids[1])}


async def test_no_table_with_patients_is_forgotten() -> None:
    named = {f"{column.table.name}.{column.name}" for column in patient_columns()}
    assert {"observation.patient_id", "flag.patient_id", "chat.patient_id", "link_proposal.candidate_id"} <= named
    suspicious = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if "patient" in column.name and not column.name.startswith("patient_tag") and table.name != "patient" and table.name not in SEALED
    }
    assert suspicious <= named


async def test_a_double_plan_ends_and_an_open_alert_stays(two: Twofold) -> None:
    await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    plans = (await two.tx.scalars(select(CarePlan).order_by(CarePlan.id).execution_options(populate_existing=True))).all()
    assert [(plan.patient_id, plan.state) for plan in plans] == [(two.kept.id, "active"), (two.kept.id, "withdrawn")]
    left = await two.tx.scalars(select(Task.state).where(Task.care_plan_id == plans[1].id).distinct())
    assert left.all() == ["withdrawn"]
    flag = (await two.tx.scalars(select(Flag).execution_options(populate_existing=True))).one()
    assert (flag.state, flag.patient_id) == ("raised", two.kept.id)


async def test_the_plan_in_which_the_family_was_asked_goes_on(two: Twofold) -> None:
    task = (await two.tx.scalars(select(Task).where(Task.patient_id == two.gone.id).order_by(Task.day).limit(1))).one()
    task.state = "done"
    await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    going_on = await two.tx.scalars(select(CarePlan.id).where(CarePlan.state == "active"))
    assert going_on.all() == [task.care_plan_id]


async def test_carers_and_tags_are_not_double(two: Twofold) -> None:
    await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    carers = (await two.tx.execute(select(PatientCarer.carer_id, PatientCarer.primary).order_by(PatientCarer.carer_id))).all()
    assert [primary for _, primary in carers] == [True, False]
    assert len((await two.tx.scalars(select(PatientTag.id).where(PatientTag.until.is_(None)))).all()) == 1
    assert (await two.tx.scalars(select(LinkProposal.state).execution_options(populate_existing=True))).one() == "accepted"


@pytest.mark.parametrize("kept_first", [True, False])
async def test_undoing_a_merge_leaves_what_was_before(db: Database, kept_first: bool) -> None:
    async with db.transaction() as tx:
        two = await twofold(tx)
        ids = (two.kept.id, two.gone.id) if kept_first else (two.gone.id, two.kept.id)
    async with db.transaction() as tx:
        before = await record(tx)
        kept, gone = [await tx.get_one(Patient, id) for id in ids]
        merged = await merge(tx, kept, gone, now=NOW, by="his", reason="A40")
        assert await record(tx) != before
    async with db.transaction() as tx:
        again = await unmerge(tx, await tx.get_one(PatientMerge, merged.id), now=NOW, by="nurse-lin")
        assert again.id == ids[1]
        assert await record(tx) == before


async def test_what_came_after_the_merge_stays_with_the_one_who_was_kept(two: Twofold) -> None:
    merged = await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    two.kept.name = "赵小满"
    two.tx.add(Observation(patient_id=two.kept.id, code="weight", value=4.0, unit="kg", effective_at=NOW, recorded_at=NOW))
    await two.tx.flush()
    again = await unmerge(two.tx, merged, now=NOW, by="his")
    weights = await two.tx.execute(select(Observation.patient_id, Observation.value).execution_options(populate_existing=True))
    assert set(weights.all()) == {(two.kept.id, 4.0), (again.id, 3.5)}
    assert (two.kept.name, again.name) == ("赵小满", "小满")


async def test_a_merge_is_undone_once_and_the_later_one_first(two: Twofold) -> None:
    third = Patient(team_id=two.family.team.id, record_number="N3", name="小满", birth_date=date(2026, 3, 1))
    two.tx.add(third)
    await two.tx.flush()
    first = await merge(two.tx, two.kept, two.gone, now=NOW, by="his", reason="A40")
    second = await merge(two.tx, third, two.kept, now=NOW, by="his", reason="A40")
    assert [patient.id for patient in await patients_numbered(two.tx, "N2")] == [third.id]
    with pytest.raises(MergeError, match="merged_since"):
        await unmerge(two.tx, first, now=NOW, by="his")
    await unmerge(two.tx, second, now=NOW, by="his")
    assert await merge_behind(two.tx, first.kept_id, ["empi:E2"]) is first
    await unmerge(two.tx, first, now=NOW, by="his")
    with pytest.raises(MergeError, match="undone"):
        await unmerge(two.tx, first, now=NOW, by="his")


async def test_nobody_is_merged_with_himself(two: Twofold) -> None:
    with pytest.raises(MergeError, match="same_patient"):
        await merge(two.tx, two.kept, two.kept, now=NOW, by="his", reason="A40")


class _Over(Exception):
    """Ends a transaction that is not to stay."""


# What may hang on the patient who goes: each with whether the other one has it too.
EXTRA = st.lists(
    st.sampled_from(["weight", "flag", "carer", "tag", "plan", "number", "question", "visit", "audit"]), max_size=6, unique=True
)


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
@given(his=EXTRA, theirs=EXTRA)
def test_a_merge_and_its_undoing_are_nothing(database_url: str, his: list[str], theirs: list[str]) -> None:
    async def both() -> None:
        db = Database(url=database_url, pool_size=1, keyring=KEYRING)
        await db.open()
        try:
            async with db.transaction() as tx:
                family = await make_family(tx)
                gone = Patient(team_id=family.team.id, record_number="N2", name="小满", sex="F", birth_date=BIRTH, birth_weight_g=3400)
                tag = Tag(code="preterm", name="早产", kind="diagnosis", meaning="", updated_at=NOW)
                tx.add_all([gone, tag])
                await tx.flush()
                kept = family.patient
                for patient, extras in ((kept, theirs), (gone, his)):
                    for extra in extras:
                        await _gets(family, patient, tag, extra)
                await tx.flush()
                before = await record(tx)
                merged = await merge(tx, kept, gone, now=NOW, by="his", reason="A40")
                assert gone.record_number not in [row["record_number"] for row in (await record(tx))["patient"]]
                await unmerge(tx, merged, now=NOW, by="his")
                assert await record(tx) == before
                raise _Over
        except _Over:
            pass
        finally:
            await db.close()

    asyncio.run(both())


async def _gets(family: Family, patient: Patient, tag: Tag, extra: str) -> None:
    tx = family.tx
    match extra:
        case "weight":
            tx.add(Observation(patient_id=patient.id, code="weight", value=3.5, unit="kg", effective_at=NOW, recorded_at=NOW))
        case "flag":
            chat = Chat(open_kfid="wk1", external_userid=f"x{patient.id}", team_id=family.team.id, patient_id=patient.id, opened_at=NOW)
            tx.add(chat)
            await tx.flush()
            await raise_flag(tx, chat, level="urgent", categories=["breathing"], said="", because="", evidence=[], now=NOW)
        case "carer":
            if await tx.get(PatientCarer, (patient.id, family.carer.id)) is None:
                tx.add(PatientCarer(patient_id=patient.id, carer_id=family.carer.id, relationship="母亲"))
        case "tag":
            row = {"state": "active", "source": "his", "author": "his", "since": NOW, "evidence_at": NOW, "asks": False}
            tx.add(PatientTag(patient_id=patient.id, tag_id=tag.id, **row))
        case "plan":
            family.patient, before = patient, family.patient
            await family.enrolled()
            family.patient = before
        case "number":
            tx.add(PatientIdentifier(patient_id=patient.id, system="empi", value=f"E{patient.id}", source="his", since=NOW))
        case "question":
            tx.add(
                QuestionnaireResponse(
                    questionnaire="pain", version=1, team_id=family.team.id, patient_id=patient.id, state="assigned", created_by="x",
                    created_at=NOW,
                )
            )  # fmt: skip
        case "visit":
            tx.add(
                Appointment(patient_id=patient.id, source="his", source_id=f"A{patient.id}", starts_at=NOW, department="", updated_at=NOW)
            )
        case _:
            tx.add(ReadAudit(patient_id=patient.id, staff_id=family.lin.id, at=NOW, why="test"))


async def test_cohorts_hear_what_a_patient_carries_after_a_merge_and_after_its_undoing(two: Twofold) -> None:
    tag = Tag(code="asthma", name="哮喘", kind="diagnosis", meaning="-", updated_at=NOW)
    two.tx.add(tag)
    await two.tx.flush()
    two.tx.add(PatientTag(patient_id=two.gone.id, tag_id=tag.id, source="his", author="his", since=NOW, evidence_at=NOW))
    kept, gone = two.kept.id, two.gone.id
    row = await merge(two.tx, two.kept, two.gone, now=NOW, by="linyue", reason="重复建档")
    await two.tx.flush()
    heard = select(TagChange.patient_id, TagChange.tag_id, TagChange.carried).where(TagChange.tag_id == tag.id).order_by(TagChange.id)
    assert [tuple(each) for each in await two.tx.execute(heard)] == [(kept, tag.id, True)]
    await unmerge(two.tx, row, now=NOW, by="linyue")
    await two.tx.flush()
    assert [tuple(each) for each in await two.tx.execute(heard)][1:] == [(kept, tag.id, False), (gone, tag.id, True)]
