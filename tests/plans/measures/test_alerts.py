"""How fast alerts are taken, whether they were of use, and what it costs, worked out by hand; and who may see and say so."""

import pytest

from plans.measures.scope import ReportScope, scope_of
from records.flag_review import review_flag
from records.patient import AccessRefused
from records.schema import Staff, StateChange
from tests.plans.measures.conftest import BLOOD, NEONATAL, Hospital, local


async def test_response_times_by_level(hospital: Hospital) -> None:
    baby = await hospital.patient()
    for minutes in (1, 2, 9):
        await hospital.alert(baby, "emergency", local(3), taken=minutes, closed=minutes + 5)
    await hospital.alert(baby, "emergency", local(3))
    # One that came back: its first taking counts, not the later one.
    again = await hospital.alert(baby, "urgent", local(4), taken=90)
    await hospital.add(
        StateChange(entity="flag", entity_id=again.id, old="delivered", new="acknowledged", at=local(4, 9, 20), by="nurse-lin")
    )
    times = await hospital.total("alert_response_emergency")
    assert (times.numerator, times.denominator, times.value) == (3, 4, 2)
    assert times.more["p90"] == pytest.approx(7.6)
    assert await hospital.of("alert_in_time_emergency") == (2, 4)
    assert (await hospital.total("alert_response_urgent")).value == 20
    assert await hospital.of("alert_in_time_urgent") == (1, 1)


async def test_same_day_ends_at_midnight_and_begins_anew_at_eight_in_the_evening(hospital: Hospital) -> None:
    baby = await hospital.patient()
    await hospital.alert(baby, "same_day", local(3, 10), taken=13 * 60)
    await hospital.alert(baby, "same_day", local(4, 10), taken=15 * 60)
    await hospital.alert(baby, "same_day", local(5, 20, 30), taken=12 * 60)
    assert await hospital.of("alert_in_time_same_day") == (2, 3)


async def test_precision_is_of_what_was_reviewed_and_only_the_team_reviews(hospital: Hospital) -> None:
    baby, other = await hospital.patient(), await hospital.patient(BLOOD)
    flags = [await hospital.alert(baby, "urgent", local(3), taken=5) for _ in range(4)]
    for flag, useful in zip(flags[:3], (True, False, True), strict=True):
        await review_flag(hospital.tx, hospital.lin, flag.id, useful=useful, note=None, now=local(8))
    assert await hospital.of("alert_precision") == (2, 3)
    # A second thought takes the first one's place.
    await review_flag(hospital.tx, hospital.lin, flags[1].id, useful=True, note="想了想有用", now=local(9))
    assert await hospital.of("alert_precision") == (3, 3)
    theirs = await hospital.alert(other, "urgent", local(3), taken=5)
    with pytest.raises(AccessRefused):
        await review_flag(hospital.tx, hospital.lin, theirs.id, useful=True, note=None, now=local(9))
    hospital.lin.active = False
    with pytest.raises(AccessRefused):
        await review_flag(hospital.tx, hospital.lin, flags[0].id, useful=True, note=None, now=local(9))


async def test_minutes_are_an_estimate_in_which_nothing_counts_twice(hospital: Hospital) -> None:
    baby, quiet = await hospital.patient(), await hospital.patient()
    # Taken at 9:02 and closed at 9:12: ten minutes. The chat is the nurse's from 9:05 to 9:20: eight more.
    await hospital.alert(baby, "urgent", local(3, 9), taken=2, closed=12)
    chat = hospital.chats[baby.id]
    for new, minute in (("human", 5), ("bot", 20)):
        await hospital.add(StateChange(entity="chat", entity_id=chat.id, old=None, new=new, at=local(3, 9, minute), by="nurse-lin"))
    # One that was closed the next day counts for half an hour.
    await hospital.alert(baby, "same_day", local(5, 9), taken=0, closed=26 * 60)
    result = await hospital.total("clinician_minutes")
    assert (result.numerator, result.denominator, result.value) == (pytest.approx(48), 2, pytest.approx(24))
    assert quiet.id != baby.id


async def test_a_clinician_counts_his_teams_and_no_others(hospital: Hospital) -> None:
    for team in (NEONATAL, BLOOD):
        patient = await hospital.patient(team)
        await hospital.task(patient, 3, "done", answered_after=1)
        await hospital.writes(patient, 3)
        await hospital.alert(patient, "urgent", local(3), taken=1, closed=2)
        await hospital.filled(team, 3, {"education": 5})
    everything = ("completion", "follow_up", "daily_interacting", "satisfaction", "lost", "alert_response_urgent", "clinician_minutes")
    lin = await scope_of(hospital.tx, hospital.lin)
    for measure in everything:
        (whole, _), (own, _) = await hospital.of(measure), await hospital.of(measure, scope=lin)
        assert (measure, own * 2) == (measure, whole)
    by_team = (await hospital.report("completion", by=["team"], scope=lin)).results
    assert [each.group.get("team") for each in by_team] == [None, NEONATAL]
    stranger = Staff(userid="nurse-qin", name="秦", title="护士")
    await hospital.add(stranger)
    assert await scope_of(hospital.tx, stranger) == ReportScope(())
    assert await hospital.of("completion", scope=ReportScope(())) == (0, 0)
    hospital.lin.active = False
    assert await scope_of(hospital.tx, hospital.lin) == ReportScope(())
