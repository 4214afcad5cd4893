"""Return visits, records, daily contact and loss of small histories, worked out by hand."""

from datetime import date, datetime

from plans.measures.period import Period
from records.schema import Appointment, Condition, Consent, PatientCarer
from tests.plans.measures.conftest import BLOOD, NEONATAL, ZONE, Hospital, local


async def booked(hospital: Hospital, patient, day: int, status: str, month: int = 3) -> None:
    hospital.number += 1
    given = {"source": "his", "source_id": f"a{hospital.number}", "updated_at": local(1), "said_at": {}}
    await hospital.add(
        Appointment(patient_id=patient.id, starts_at=local(day, 8, month=month), department="新生儿科", status=status, **given)
    )


async def test_return_visits_of_patients_whose_plan_had_one_due(hospital: Hospital) -> None:
    came, came_anyway, stayed_away, cancelled, unplanned, elsewhere = [
        await hospital.patient(plan=None if n == 4 else "neonatal", team=BLOOD if n == 5 else NEONATAL) for n in range(6)
    ]
    await booked(hospital, came, 3, "fulfilled")
    await booked(hospital, came, 20, "booked")
    await booked(hospital, came_anyway, 10, "booked")
    await hospital.visit(came_anyway, 12)
    await booked(hospital, stayed_away, 11, "booked")
    await booked(hospital, cancelled, 12, "cancelled")
    await booked(hospital, unplanned, 13, "fulfilled")
    await booked(hospital, elsewhere, 13, "booked", month=4)
    result = await hospital.total("return_visit")
    assert (result.numerator, result.denominator, result.people, result.small) == (2, 3, 3, True)
    # Before the 11th only the first one's own visit has come; nobody else's was due and kept.
    assert await hospital.of("return_visit", now=local(10, 12)) == (1, 2)


async def test_by_month_each_month_is_counted_by_itself(hospital: Hospital) -> None:
    patient = await hospital.patient()
    await booked(hospital, patient, 3, "booked")
    await booked(hospital, patient, 3, "fulfilled", month=4)
    both = Period(date(2026, 3, 1), date(2026, 4, 30), ZONE)
    found = (await hospital.report("return_visit", by=["month"], period=both)).results
    assert [(each.group.get("month"), each.numerator, each.denominator) for each in found] == [
        (None, 1, 1),
        ("2026-03", 0, 1),
        ("2026-04", 1, 1),
    ]


async def test_a_complete_record_needs_all_five_parts(hospital: Hospital) -> None:
    patients = [await hospital.patient(sex=None if n == 1 else "F", plan=None if n == 3 else "neonatal") for n in range(6)]
    for n, patient in enumerate(patients):
        await hospital.visit(patient, 5)
        if n != 2:
            given = {"source": "his", "source_id": f"c{n}", "updated_at": local(1), "said_at": {}, "recorded_at": local(1)}
            await hospital.add(Condition(patient_id=patient.id, text="早产", status="active", **given))
        answers = ["given"] if n != 4 else ["given", "withdrawn"]
        for answer in answers:
            await hospital.add(
                Consent(
                    patient_id=patient.id,
                    external_userid=f"wm{n}",
                    answer=answer,
                    text_version="1",
                    relationship="母亲",
                    by="family",
                    at=local(2),
                )
            )
    await hospital.tx.delete(await hospital.tx.get_one(PatientCarer, (patients[5].id, hospital.chats[patients[5].id].carer_id)))
    # Complete is only the first; the others lack sex, diagnosis, a date, consent, a guardian.
    assert await hospital.of("record_building") == (1, 6)
    # A discharge is a date to count from.
    await hospital.visit(patients[3], 6, kind="inpatient", days=2)
    assert await hospital.of("record_building") == (2, 6)
    # Nobody was seen in April.
    assert await hospital.of("record_building", period=Period(date(2026, 4, 1), date(2026, 4, 30), ZONE)) == (0, 0)


async def test_daily_contact_counts_patients_who_wrote_or_answered_once_a_day(hospital: Hospital) -> None:
    one, two = await hospital.patient(), await hospital.patient()
    for hour in (9, 10, 23):
        await hospital.writes(one, 2, hour)
    await hospital.writes(one, 3, 1)
    await hospital.writes(two, 2, origin=5)
    await hospital.task(two, 3, "done", answered_after=1)
    await hospital.task(two, 4, "missed", outcome="no_answer")
    # One on the 2nd; one and two on the 3rd: three patient-days over 31 days.
    result = await hospital.total("daily_interacting")
    assert (result.numerator, result.denominator, result.value) == (3, 31, 3 / 31)
    # A period that is not over is divided by the days that have begun.
    assert await hospital.of("daily_interacting", now=local(3, 12)) == (3, 3)


async def test_lost_are_two_silent_contacts_or_sixty_days(hospital: Hospital) -> None:
    long_ago = datetime(2025, 12, 1, tzinfo=ZONE)
    silent, spoke, once, forgotten, young = [await hospital.patient(since=long_ago if n in (1, 3) else None) for n in range(5)]
    for day in (10, 12):
        await hospital.task(silent, day, "missed", outcome="no_answer")
        await hospital.task(spoke, day, "missed" if day == 10 else "declined", outcome="no_answer", answered_after=None if day == 10 else 1)
    await hospital.task(once, 10, "missed", outcome="no_answer")
    await hospital.writes(forgotten, 10, month=1)
    # silent by two contacts, forgotten by 60 days; spoke answered, once missed only one, young has been on its plan for 58 days.
    result = await hospital.total("lost", now=local(31, 12))
    assert (result.numerator, result.denominator) == (2, 5)
    assert young.id != silent.id
