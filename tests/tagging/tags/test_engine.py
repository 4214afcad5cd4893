"""Patients' tags made true from the records, many at once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.care_plan import CarePlan, Task
from records.chat import Chat
from records.condition import Condition
from records.database import Database
from records.encounter import Encounter
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.message import Inbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer
from records.questionnaire import QuestionnaireResponse
from records.retag import ask_retag, asked_for
from records.tag import TagEvidence
from records.tag_statement import TagStatement, note_statements
from tagging.tags.engine import outlived, retag, retag_seen
from tests.tagging.tags.conftest import NOW, ZONE, Ward, changes, days, held
from tests.tagging.tags.test_premise import RULES


async def clinical(tx: AsyncSession, patient_id: int) -> set[str]:
    """The open tags without what is only counted."""
    counted = ("contact.", "frequency.", "record.", "response.")
    return {code for code in await held(tx, patient_id) if not code.startswith(counted)} - {"unbound", "no_plan", "in_plan"}


async def look(db: Database, *patients: int, after: float = 0) -> int:
    async with db.transaction() as tx:
        return (await retag(tx, patients, now=NOW + days(after), zone=ZONE)).moves


def fever(patient_id: int, hours_ago: float, **given: Any) -> Observation:
    at = NOW - timedelta(hours=hours_ago)
    return Observation(patient_id=patient_id, code="temperature", value=38.6, unit="Cel", effective_at=at, recorded_at=at, **given)


def sourced(id: str) -> dict[str, Any]:
    return {"source": "his", "source_id": id, "updated_at": NOW}


async def test_every_table_is_looked_at(db: Database, ward: Ward) -> None:
    one = ward.xiaoman
    async with db.transaction() as tx:
        child = await tx.get_one(Patient, one)
        child.gestational_age_weeks, child.birth_weight_g = 30, 1400
        carer = Carer(name="赵敏", external_userid="wmzhao", phone="13800000000")
        plan = CarePlan(patient_id=one, template="neonatal", template_version=1, anchors={}, created_at=NOW, created_by="x")
        tx.add_all([carer, plan])
        await tx.flush()
        tx.add(PatientCarer(patient_id=one, carer_id=carer.id, relationship="母亲"))
        chat = Chat(open_kfid="wk", external_userid="wmzhao", carer_id=carer.id, team_id=ward.team.id, opened_at=NOW)
        tx.add(chat)
        await tx.flush()
        for n in range(8):
            at = NOW - days(n)
            tx.add(Inbound(chat_id=chat.id, msgid=f"m{n}", origin=3, msgtype="voice", body={}, sent_at=at, received_at=at))
        for n in range(3):
            day = (NOW - days(20 + n)).date()
            at = NOW - days(20 + n)
            tx.add(
                Task(
                    care_plan_id=plan.id,
                    patient_id=one,
                    step="s",
                    day=day,
                    due_at=at,
                    useful_until=at,
                    state="missed",
                    sent_at=at,
                    closed_at=at,
                )
            )
        tx.add_all([fever(one, 20), fever(one, 2), fever(one, 1, status="entered-in-error")])
        tx.add(
            Condition(
                patient_id=one,
                text="支气管哮喘",
                icd10="J45.9",
                code="J45.9",
                system="icd10",
                status="active",
                recorded_at=NOW,
                **sourced("c1"),
            )
        )
        tx.add(
            Condition(
                patient_id=one,
                text="癫痫",
                icd10="G40.9",
                code="G40.9",
                system="icd10",
                status="inactive",
                recorded_at=NOW,
                **sourced("c2"),
            )
        )
        tx.add(MedicationRequest(patient_id=one, name="巯嘌呤片", starts_on=(NOW - days(9)).date(), **sourced("m1")))
        for n, item in enumerate(("糖化血红蛋白", "糖化血红蛋白")):
            at = NOW - days(90 * n + 1)
            tx.add(
                LabResult(
                    patient_id=one,
                    report="糖化",
                    item=item,
                    value=8.0,
                    text="8.0",
                    unit="%",
                    collected_at=at,
                    released_at=at,
                    **sourced(f"l{n}"),
                )
            )
        tx.add(
            LabResult(
                patient_id=one, report="血常规", item="血小板计数", value=9, text="9", unit="10*9/L", collected_at=NOW, **sourced("l9")
            )
        )
        tx.add(Encounter(patient_id=one, kind="inpatient", department="新生儿科", started_at=NOW - days(30), ended_at=NOW - days(9)))
        tx.add(
            QuestionnaireResponse(
                questionnaire="phq9",
                version=1,
                team_id=ward.team.id,
                patient_id=one,
                state="completed",
                score=12,
                created_by="x",
                created_at=NOW,
                completed_at=NOW,
            )
        )
    await look(db, one, ward.doudou)
    async with db.transaction() as tx:
        assert await clinical(tx, one) == {
            "preterm", "very_preterm", "low_birth_weight", "very_low_birth_weight", "fever_recurrent", "asthma", "chemo",
            "glucose_uncontrolled", "discharged_recently", "phq.moderate", "channel.voice",
        }  # fmt: skip
        assert {"contact.week", "frequency.medium", "in_plan"} <= set(await held(tx, one))
        assert set((await tx.get_one(Patient, one)).tags) == {"asthma", "chemo", "preterm", "very_preterm"}
        assert await clinical(tx, ward.doudou) == set()


async def test_a_second_look_changes_nothing(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add_all([fever(ward.xiaoman, 20), fever(ward.xiaoman, 2)])
    assert await look(db, ward.xiaoman) > 0
    async with db.transaction() as tx:
        before = await tx.scalar(select(func.count()).select_from(TagEvidence))
    assert await look(db, ward.xiaoman) == 0
    assert await look(db, ward.xiaoman, after=0.01) == 0
    async with db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(TagEvidence)) == before


async def test_a_tag_ends_when_its_premise_holds_no_longer(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add_all([fever(ward.xiaoman, 20), fever(ward.xiaoman, 2)])
        tx.add(
            MedicationRequest(
                patient_id=ward.xiaoman, name="巯嘌呤片", starts_on=NOW.date(), ends_on=(NOW + days(5)).date(), **sourced("m1")
            )
        )
    await look(db, ward.xiaoman)
    await look(db, ward.xiaoman, after=5)
    async with db.transaction() as tx:
        assert await clinical(tx, ward.xiaoman) == {"chemo"}
        assert ("fever_recurrent", False) in await changes(tx, ward.xiaoman)
    await look(db, ward.xiaoman, after=50)
    async with db.transaction() as tx:
        assert await clinical(tx, ward.xiaoman) == set() and (await tx.get_one(Patient, ward.xiaoman)).tags == []


async def test_a_finding_that_was_taken_back_takes_its_tag_with_it(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        wrong = fever(ward.xiaoman, 2)
        tx.add_all([fever(ward.xiaoman, 20), wrong])
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        (await tx.get_one(Observation, wrong.id)).status = "entered-in-error"
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert await clinical(tx, ward.xiaoman) == set()


def statement(patient_id: int, code: str, **given: Any) -> dict[str, Any]:
    said = {
        "against": False,
        "source": "chat",
        "ref_kind": "inbound",
        "ref_id": 1,
        "because": "家属说：「哮喘」",
        "confidence": 0.6,
        "at": NOW,
    }
    return {"patient_id": patient_id, "code": code, **said, **given}


async def test_what_was_said_counts_once(db: Database, ward: Ward) -> None:
    for _ in range(2):
        async with db.transaction() as tx:
            await note_statements(tx, [statement(ward.xiaoman, "asthma"), statement(ward.xiaoman, "gone_from_the_library")])
        await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert await clinical(tx, ward.xiaoman) == {"asthma"}
        assert await tx.scalar(select(func.count()).select_from(TagStatement).where(TagStatement.read_at.is_(None))) == 0
        await note_statements(tx, [statement(ward.xiaoman, "asthma", against=True, ref_id=2)])
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert (await held(tx, ward.xiaoman))["asthma"] == "contested"


async def test_what_was_asked_for_is_looked_at_and_again_tomorrow(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add_all([fever(ward.xiaoman, 20), fever(ward.xiaoman, 2)])
        await ask_retag(tx, [ward.xiaoman], NOW)
    async with db.transaction() as tx:
        looked = await retag_seen(tx, await asked_for(tx, NOW, 10), now=NOW, zone=ZONE)
        assert (looked.patients, looked.again) == (1, (ward.xiaoman,))
    async with db.transaction() as tx:
        assert await asked_for(tx, NOW, 10) == {}
        assert list(await asked_for(tx, NOW + days(1), 10)) == [ward.xiaoman]


async def test_who_has_outlived_a_tag_is_found(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        await note_statements(tx, [statement(ward.xiaoman, "attitude.anxious")])
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert await outlived(tx, NOW + days(10), 10) == []
        assert await outlived(tx, NOW + days(181), 10) == [ward.xiaoman]
    await look(db, ward.xiaoman, after=181)
    async with db.transaction() as tx:
        assert "attitude.anxious" not in await held(tx, ward.xiaoman)


async def test_a_measured_tag_lasts_as_long_as_it_is_borne_out(db: Database, ward: Ward) -> None:
    """It would expire after 180 days, but is looked at all the while: no coming and going for the cohorts."""
    async with db.transaction() as tx:
        tx.add(MedicationRequest(patient_id=ward.xiaoman, name="巯嘌呤片", starts_on=NOW.date(), **sourced("m1")))
    for after in range(0, 400, 20):
        await look(db, ward.xiaoman, after=after)
    async with db.transaction() as tx:
        assert [change for change in await changes(tx, ward.xiaoman) if change[0] == "chemo"] == [("chemo", True)]


async def test_loading_takes_as_many_statements_for_many_as_for_one(db: Database, ward: Ward) -> None:
    from sqlalchemy import event

    counts = []

    async def count(ids: Sequence[int]) -> None:
        seen: list[str] = []
        async with db.transaction() as tx:
            connection = await tx.connection()
            event.listen(connection.sync_connection, "before_cursor_execute", lambda *args: seen.append(args[2]))
            await retag(tx, ids, now=NOW, zone=ZONE, rules=RULES)
        counts.append(len(seen))

    await look(db, ward.xiaoman, ward.doudou)
    await count([ward.xiaoman])
    await count([ward.xiaoman, ward.doudou])
    assert counts[0] == counts[1]
