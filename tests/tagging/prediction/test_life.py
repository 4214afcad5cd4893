"""A model's life in the records: it learns, is published where it is worth it, scores, tags and is watched."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select, text

from records.appointment import Appointment
from records.base import Base
from records.care_plan import CarePlan, Task
from records.database import Database
from records.encounter import Encounter
from records.flag import Flag
from records.patient import Patient
from records.prediction import Predictor, RiskAssessment, latest_assessments, published
from records.staff import Team
from records.state import MoveRefused
from records.tag import PatientTag, Tag
from tagging.prediction.features import Moment, features, read_features
from tagging.prediction.outcome import DETERIORATION, NON_RESPONSE, read_samples, settle
from tagging.prediction.scoring import score
from tagging.prediction.training import NotEnough
from tagging.prediction.versions import NotWorthIt, learn, publish, watch

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
NAMES = [feature.name for feature in features()]
FAMILIES, WEEKS = 60, 20


async def hospital(db: Database, *, signal: bool = True) -> None:
    """60 families with a follow-up each week for 20 weeks; the first third misses most of them, the others few."""
    chance = np.random.default_rng(7)
    async with db.transaction() as tx:
        team = Team(name="肿瘤科")
        tx.add(team)
        await tx.flush()
        born = datetime(2023, 1, 1, tzinfo=UTC).date()
        for number in range(1, FAMILIES + 1):
            tx.add(Patient(id=number, team_id=team.id, record_number=f"S{number:03d}", name=f"模拟{number}", birth_date=born))
        await tx.flush()
        began = NOW - timedelta(weeks=WEEKS + 1)
        plan = {"template": "x", "template_version": 1, "anchors": {}, "state": "active", "created_by": "test"}
        joined = {number: began - timedelta(days=int(chance.integers(0, 700))) for number in range(1, FAMILIES + 1)}
        await tx.execute(insert(CarePlan), [{"id": each, "patient_id": each, "created_at": at, **plan} for each, at in joined.items()])
        tasks = []
        for number in range(1, FAMILIES + 1):
            misses = (0.8 if number <= FAMILIES // 3 else 0.12) if signal else 0.4
            for week in range(WEEKS):
                sent = began + timedelta(weeks=week, hours=number % 24)
                state = "missed" if chance.uniform() < misses else "done"
                closed = sent + timedelta(hours=30 if state == "missed" else 2)
                tasks.append(
                    {
                        "care_plan_id": number, "patient_id": number, "step": f"w{week}", "day": sent.date(), "due_at": sent,
                        "useful_until": sent + timedelta(days=1), "state": state, "answers": {}, "sent_at": sent, "closed_at": closed,
                    }
                )  # fmt: skip
        await tx.execute(insert(Task), tasks)


async def learned(db: Database, **more: bool) -> Predictor:
    async with db.transaction() as tx:
        return await learn(tx, NON_RESPONSE, by="linyue", synthetic=True, now=NOW, **more)


async def test_features_look_at_nothing_that_came_later(db: Database) -> None:
    await hospital(db)
    moment = Moment(1, NOW - timedelta(weeks=10))
    async with db.transaction() as tx:
        before = await read_features(tx, [moment, Moment(2, NOW), Moment(999, NOW)])
        await tx.execute(text("delete from task where closed_at > :at"), {"at": moment.at})
        after = await read_features(tx, [moment])
    np.testing.assert_array_equal(before[0], after[0])
    assert before[0][NAMES.index("follow_ups")] > 5
    assert np.isnan(before[2]).all(), "a patient who is not there has no features"


async def test_a_model_learns_is_published_scores_and_tags(db: Database) -> None:
    await hospital(db)
    predictor = await learned(db)
    assert predictor.figures["auc_low"] > 0.65 and predictor.state == "candidate"
    async with db.transaction() as tx:
        row = await tx.get_one(Predictor, predictor.id)
        await publish(tx, row, by="linyue", now=NOW)
        said = await score(tx, row, list(range(1, FAMILIES + 1)), NOW)
    bad, good = said[: FAMILIES // 3], said[FAMILIES // 3 :]
    assert np.mean([probability for _, probability, _ in bad]) > 2 * np.mean([probability for _, probability, _ in good])
    async with db.transaction() as tx:
        carried = await tx.execute(
            select(PatientTag.patient_id, Tag.code, PatientTag.expires_at)
            .join(Tag, Tag.id == PatientTag.tag_id)
            .where(Tag.code.like("non_response.%"), PatientTag.until.is_(None))
        )
        tags = {patient: (code, expires) for patient, code, expires in carried}
        [(_, assessment)] = await latest_assessments(tx, 1)
    assert len(tags) == FAMILIES
    assert {expires for _, expires in tags.values()} == {NOW + timedelta(days=30)}
    high = {patient for patient, (code, _) in tags.items() if code.endswith(".high")}
    assert high and high <= set(range(1, FAMILIES // 3 + 1))
    assert assessment.reasons[0]["told"]


async def test_a_new_score_takes_the_place_of_the_old_tag(db: Database) -> None:
    await hospital(db)
    predictor = await learned(db)
    async with db.transaction() as tx:
        row = await tx.get_one(Predictor, predictor.id)
        await publish(tx, row, by="linyue", now=NOW)
        await score(tx, row, [1], NOW)
        # The family answers everything from now on.
        await tx.execute(text("update task set state = 'done' where patient_id = 1"))
        await score(tx, row, [1], NOW + timedelta(days=1))
        open_tags = list(
            await tx.scalars(
                select(Tag.code).join(PatientTag, PatientTag.tag_id == Tag.id).where(PatientTag.patient_id == 1, PatientTag.until.is_(None))
            )
        )
    assert [code for code in open_tags if code.startswith("non_response.")] == ["non_response.low"]


async def test_a_model_of_chance_is_not_published(db: Database) -> None:
    await hospital(db, signal=False)
    predictor = await learned(db)
    async with db.transaction() as tx:
        with pytest.raises(NotWorthIt):
            await publish(tx, await tx.get_one(Predictor, predictor.id), by="linyue", now=NOW)
        assert await published(tx, "non_response") is None


async def test_an_empty_hospital_teaches_nothing(db: Database) -> None:
    async with db.transaction() as tx:
        assert await read_samples(tx, NON_RESPONSE, since=NOW - timedelta(days=90), now=NOW) == []
        with pytest.raises(NotEnough):
            await learn(tx, NON_RESPONSE, by="linyue", synthetic=False, now=NOW)


async def test_publishing_retires_the_former_and_a_rejected_one_stays_out(db: Database) -> None:
    await hospital(db)
    first, second = await learned(db), await learned(db)
    async with db.transaction() as tx:
        one, two = await tx.get_one(Predictor, first.id), await tx.get_one(Predictor, second.id)
        await publish(tx, one, by="linyue", now=NOW)
        await publish(tx, two, by="linyue", now=NOW)
        assert (one.state, two.state, two.version) == ("retired", "published", 2)
        await publish(tx, one, by="linyue", now=NOW)
        assert (one.state, two.state) == ("published", "retired")
        two.state = "rejected"
        with pytest.raises(MoveRefused):
            await publish(tx, two, by="linyue", now=NOW)


async def test_what_came_true_is_filled_in_and_a_shift_is_an_alarm(db: Database) -> None:
    await hospital(db)
    predictor = await learned(db)
    async with db.transaction() as tx:
        row = await tx.get_one(Predictor, predictor.id)
        await publish(tx, row, by="linyue", now=NOW)
        await score(tx, row, [1, 40], NOW - timedelta(weeks=3))
        assert await settle(tx, NON_RESPONSE, row.id, NOW) == 2
        tasks = {task.patient_id: task.state for task in await tx.scalars(select(Task).order_by(Task.sent_at.desc()))}
        rows = list(await tx.scalars(select(RiskAssessment).order_by(RiskAssessment.id)))
        assert all(each.happened in (True, False) for each in rows) and len(tasks) == FAMILIES
        before = await watch(tx, row, now=NOW)
        await tx.execute(text("update task set state = 'missed', closed_at = sent_at + interval '1 day'"))
        after = await watch(tx, row, now=NOW)
        assert after["shifted"]["score"] > before["shifted"]["score"] and after["alarm"]
        assert row.watched == after


async def test_a_deterioration_is_an_urgent_alert_or_a_visit_that_nobody_booked(db: Database) -> None:
    await hospital(db)
    week = timedelta(weeks=1)
    async with db.transaction() as tx:
        raised = {"team_id": 1, "category": "x", "said": "", "because": "", "state": "closed"}
        tx.add_all(
            [
                Flag(patient_id=1, level="urgent", raised_at=NOW - 5 * week, **raised),
                Flag(patient_id=2, level="routine", raised_at=NOW - 5 * week, **raised),
            ]
        )
        stays = {"kind": "inpatient", "department": "肿瘤科", "state": "finished"}
        tx.add_all([Encounter(patient_id=patient, started_at=NOW - 4 * week, **stays) for patient in (3, 4)])
        booked = {"source": "his", "source_id": "1", "department": "肿瘤科", "updated_at": NOW}
        tx.add(Appointment(patient_id=4, starts_at=NOW - 4 * week + timedelta(hours=2), **booked))
        await tx.flush()
        samples = await read_samples(tx, DETERIORATION, since=NOW - 8 * week, now=NOW)
    assert {sample.moment.patient_id for sample in samples if sample.happened} == {1, 3}
    assert all(sample.moment.at < NOW - 2 * week + timedelta(days=1) for sample in samples)
    [earliest, latest] = [[s.moment.at for s in samples if s.happened and s.moment.patient_id == 1][place] for place in (0, -1)]
    assert earliest >= NOW - 7 * week - timedelta(days=1) and latest <= NOW - 5 * week


def test_the_tables_are_known() -> None:
    assert {"predictor", "risk_assessment"} <= set(Base.metadata.tables)
