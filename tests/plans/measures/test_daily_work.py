"""What the assistant understood, what families read, what clinicians did, worked out by hand; and a report narrowed down."""

from typing import Any

import pytest

from bot.retraining.limits import limits
from plans.measures.conversations import CORRECTED_MINUTES, CORRECTING
from plans.measures.scope import ReportScope
from records.content_read import ContentRead
from records.errand import Errand
from records.patient import Patient
from records.state import StateChange
from tests.plans.measures.conftest import BLOOD, NEONATAL, Hospital, local


def read(intent: str, level: str = "routine", **more: Any) -> dict[str, Any]:
    return {"answer": "dialogue", "triage": level, "read": {"intent": intent, "confidence": 0.9, **more}}


async def handed(hospital: Hospital, patient: Patient, day: int, hour: int = 11, *, by: str = "nurse-lin") -> None:
    chat = hospital.chats[patient.id]
    await hospital.add(StateChange(entity="chat", entity_id=chat.id, old="bot", new="human", at=local(day, hour), by=by))


async def test_messages_that_were_understood_missed_and_taken_back(hospital: Hospital) -> None:
    baby, other = await hospital.patient(), await hospital.patient(BLOOD)
    await hospital.writes(baby, 3, 10, 0, outcome=read("report", "urgent"))
    # Four minutes later the family takes it back; that message itself was understood.
    await hospital.writes(baby, 3, 10, 4, outcome=read("correct_report"))
    await hospital.writes(baby, 4, 10, 0, outcome=read("nlu_fallback"))
    # Within a form nothing but `missed` counts.
    await hospital.writes(baby, 5, 10, 0, outcome=read("nlu_fallback", form="weight_form"))
    await hospital.writes(baby, 5, 10, 30, outcome=read("report", missed=True))
    # Too late to be a correction of the message before, and in another chat.
    await hospital.writes(other, 5, 10, 31, outcome=read("correct_report"))
    await hospital.writes(baby, 6, 10, 0, outcome={"answer": "human_owns", "triage": "routine"})
    await hospital.writes(baby, 6, 10, 0, origin=5)
    assert await hospital.of("understood") == (4, 6)
    assert await hospital.of("corrected") == (1, 6)
    assert await hospital.of("answered_alone") == (6, 7)
    assert await hospital.of("messages_alarming") == (1, 7)
    by_answer = {each.group["answer"]: each.denominator for each in (await hospital.report("answered_alone", by=("answer",))).results[1:]}
    assert by_answer == {"dialogue": 6, "human_owns": 1}
    assert (list(CORRECTING), CORRECTED_MINUTES) == (limits().correcting, limits().corrected_within_minutes)


async def test_a_chat_is_handed_over_once_a_day_however_often_it_was_taken(hospital: Hospital) -> None:
    baby, other = await hospital.patient(), await hospital.patient(BLOOD)
    for day in (3, 4):
        await hospital.writes(baby, day, 10)
        await hospital.writes(baby, day, 12)
    await hospital.writes(other, 3)
    await handed(hospital, baby, 3, 11)
    await handed(hospital, baby, 3, 15)
    # Nobody of the family wrote on that day.
    await handed(hospital, other, 9)
    assert await hospital.of("handed_over") == (1, 3)
    neonatal = ReportScope((hospital.teams[NEONATAL].id,))
    assert await hospital.of("handed_over", scope=neonatal) == (1, 2)


async def test_contents_that_were_opened_finished_and_useful(hospital: Hospital) -> None:
    baby, other = await hospital.patient(), await hospital.patient(BLOOD)

    async def shown(patient: Patient, article: str, *, opened: bool = False, finished: bool = False, useful: bool | None = None) -> None:
        at = local(5)
        row = ContentRead(chat_id=hospital.chats[patient.id].id, patient_id=patient.id, article=article, version=1, at=at, useful=useful)
        row.opened_at, row.finished_at = at if opened else None, at if finished else None
        await hospital.add(row)

    await shown(baby, "bath", opened=True, finished=True, useful=True)
    await shown(baby, "bath", opened=True, useful=False)
    await shown(baby, "bath")
    await shown(other, "fever", opened=True, finished=True)
    assert await hospital.of("content_opened") == (3, 4)
    assert await hospital.of("content_finished") == (2, 3)
    assert await hospital.of("content_useful") == (1, 2)
    parts = (await hospital.report("content_opened", by=("content",))).results[1:]
    assert {each.group["content"]: (each.numerator, each.denominator) for each in parts} == {"bath": (2, 3), "fever": (1, 1)}


async def test_what_each_clinician_took_and_finished(hospital: Hospital) -> None:
    baby, lin = await hospital.patient(), hospital.lin
    taken = await hospital.alert(baby, "urgent", local(3), taken=5, closed=65)
    waiting = await hospital.alert(baby, "same_day", local(3), taken=10)
    await hospital.alert(baby, "same_day", local(3))
    taken.owner_id = waiting.owner_id = lin.id
    await handed(hospital, baby, 4)
    done = {"patient_id": baby.id, "team_id": baby.team_id, "kind": "by_hand", "text": "打电话", "because": "没有送达", "owner_id": lin.id}
    await hospital.add(
        Errand(key="a", raised_at=local(3), state="done", closed_at=local(4), **done),
        Errand(key="b", raised_at=local(3), state="open", closed_at=None, **done),
    )
    counts = {}
    for each in (await hospital.report("alerts_taken", "alerts_ended", "chats_taken", "errands_ended", by=("staff",))).results:
        if each.group:
            counts[each.group["staff"], each.measure] = each.value
    assert counts == {
        ("nurse-lin", "alerts_taken"): 2, ("nurse-lin", "alerts_ended"): 1, ("nurse-lin", "chats_taken"): 1,
        ("nurse-lin", "errands_ended"): 1,
    }  # fmt: skip


async def test_alerts_are_closed_in_so_many_minutes_with_an_outcome(hospital: Hospital) -> None:
    baby = await hospital.patient()
    for minutes, outcome in ((10, "advised"), (20, "advised"), (60, "came_in")):
        flag = await hospital.alert(baby, "urgent", local(3), taken=5, closed=minutes)
        flag.outcome = outcome
    await hospital.alert(baby, "urgent", local(4))
    closing = await hospital.total("alert_close_urgent")
    assert (closing.numerator, closing.denominator, closing.value) == (3, 4, 20)
    assert closing.more["p90"] == pytest.approx(52)
    outcomes = (await hospital.report("alerts_closed", by=("outcome",))).results
    assert {each.group.get("outcome"): (each.numerator, each.denominator) for each in outcomes} == {
        None: (3, 4), "": (0, 1), "advised": (2, 2), "came_in": (1, 1),
    }  # fmt: skip


async def test_a_follow_up_reached_the_family_that_answered_it(hospital: Hospital) -> None:
    baby, other = await hospital.patient(), await hospital.patient()
    await hospital.task(baby, 3, "done", answered_after=1)
    await hospital.task(baby, 4, "missed")
    await hospital.task(other, 3, "undeliverable")
    await hospital.task(other, 4, "withdrawn")
    # Told before it went out.
    (await hospital.task(baby, 5, "done")).sent_at = None
    assert await hospital.of("reached") == (3, 4)
    assert await hospital.of("answered") == (2, 4)
    assert await hospital.of("unreached") == (1, 2)


async def test_a_report_is_narrowed_down_to_a_department_and_a_plan(hospital: Hospital) -> None:
    baby, other = await hospital.patient(), await hospital.patient(plan="oncology")
    await hospital.visit(baby, 1, department="新生儿科")
    await hospital.visit(other, 1, department="血液科")
    await hospital.task(baby, 3, "done")
    await hospital.task(other, 3, "missed")
    assert await hospital.of("completion") == (1, 2)
    assert await hospital.of("completion", only={"department": "新生儿科"}) == (1, 1)
    assert await hospital.of("completion", only={"plan": "oncology"}) == (0, 1)
    narrowed = await hospital.report("completion", "record_building", only={"plan": "oncology"})
    assert narrowed.left_out == ("record_building",)
