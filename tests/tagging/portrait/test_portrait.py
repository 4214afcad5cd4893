"""One patient in one read model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from records.database import Database
from records.patient import AccessRefused, ReadAudit
from records.schema import Flag
from tagging.growth.zscore import weight_for_age
from tagging.portrait.as_json import as_json
from tagging.portrait.carried import REASONS
from tagging.portrait.measured import READINGS
from tagging.portrait.portrait import portrait_for_operator
from tagging.portrait.timeline import LONGEST
from tests.tagging.portrait.conftest import NOW, ZONE, Ward, furnish


@contextmanager
def counted(db: Database) -> Iterator[list[int]]:
    """How many rows each statement brought."""
    rows: list[int] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        rows.append(cursor.rowcount)  # type: ignore[attr-defined]

    event.listen(db.engine.sync_engine, "after_cursor_execute", note)
    yield rows
    event.remove(db.engine.sync_engine, "after_cursor_execute", note)


async def test_lin_sees_her_child_and_qin_does_not(ward: Ward) -> None:
    seen = await ward.seen_by(ward.lin)
    assert (seen.who.name, seen.who.team, seen.who.carers[0].relationship) == ("小满", "新生儿科", "母亲")
    await ward.tx.flush()
    audits = [(row.patient_id, row.staff_id, row.why) for row in await ward.tx.scalars(select(ReadAudit))]
    assert audits == [(ward.child.id, ward.lin.id, "portrait")]
    with pytest.raises(AccessRefused):
        await ward.seen_by(ward.qin)


async def test_an_empty_record_has_a_portrait_that_says_what_is_missing(ward: Ward) -> None:
    seen = await ward.seen_by(ward.lin)
    assert seen.missing == ("diagnosis", "visit", "consent", "plan")
    assert seen.vitals == () and seen.risks == () and seen.timeline == ()
    assert seen.contact.last_at is None


async def test_tags_come_with_their_latest_reasons(ward: Ward) -> None:
    await ward.tagged("adherence.low", reasons=8)
    await ward.tagged("gone", state="refused")
    [tag] = (await ward.seen_by(ward.lin)).tags
    assert (tag.code, tag.state, len(tag.why)) == ("adherence.low", "active", REASONS)
    assert [why.because for why in tag.why] == ["理由0", "理由1", "理由2"]
    assert (tag.why[0].rule, tag.why[0].rule_version) == ("r1", 2)


async def test_private_tags_of_another_team_are_not_in_it(ward: Ward) -> None:
    await ward.tagged("ours", team=ward.team, shared=False)
    await ward.tagged("theirs", team=ward.other, shared=False)
    await ward.tagged("everybodys", team=ward.other)
    assert {tag.code for tag in (await ward.seen_by(ward.lin)).tags} == {"ours", "everybodys"}
    whole = await portrait_for_operator(ward.tx, ward.child, now=NOW, zone=ZONE)
    assert {tag.code for tag in whole.tags} == {"ours", "theirs", "everybodys"}
    assert "theirs" not in json.dumps(as_json(await ward.seen_by(ward.lin)))


async def test_growth_is_judged_by_corrected_age(ward: Ward) -> None:
    await furnish(ward)
    seen = await ward.seen_by(ward.lin)
    weight = next(each for each in seen.vitals if each.vital == "weight")
    days = (NOW.date() - seen.who.birth_date).days
    assert seen.who.corrected_days == days - 56
    expected = weight_for_age(6.0, "F", days - 1 - 56)
    assert expected is not None and weight.latest.z == expected.z
    assert weight.latest.z_for_length is not None
    assert next(each for each in seen.vitals if each.vital == "temperature").latest.level == "routine"
    assert {risk.id for risk in seen.risks} == {"growth_faltering", "early_warning", "adherence"}


async def test_a_result_of_two_feeds_stands_once_and_what_is_not_released_not_at_all(ward: Ward) -> None:
    ward.resulted("葡萄糖", "5.00")
    ward.resulted("GLU", "90", source="csv", unit="mg/dL")
    ward.resulted("钾", "41", flag="H")
    ward.resulted("钠", "140", released=False)
    results = (await ward.seen_by(ward.lin)).results
    assert [(each.item, each.lab, each.usual, each.usual_unit) for each in results] == [
        ("葡萄糖", "glucose", 5.0, "mmol/L"),
        ("钾", "potassium", 41.0, "mmol/L"),
    ]
    assert results[1].doubts == ("impossible",)


async def test_what_the_family_said_of_a_medicine_counts_for_its_prescription(ward: Ward) -> None:
    await furnish(ward)
    for days in range(2, 14):
        ward.measured("medicine", None, days, text="左乙拉西坦", status="present" if days % 3 else "absent")
    [score] = [risk for risk in (await ward.seen_by(ward.lin)).risks if risk.id == "adherence"]
    assert score.level == "watch" and score.points == pytest.approx(8 / 12)
    assert "左乙拉西坦口服液" in score.reasons[0].text


async def test_open_work_comes_first(ward: Ward) -> None:
    await furnish(ward, times=3)
    ward.tx.add(
        Flag(
            patient_id=ward.child.id,
            team_id=ward.team.id,
            level="emergency",
            category="x",
            said="",
            because="y",
            raised_at=NOW - timedelta(days=300),
        )
    )
    seen = await ward.seen_by(ward.lin)
    assert [alert.state for alert in seen.care.alerts] == ["raised", "closed", "closed", "closed"]
    assert [task.state for task in seen.care.open_tasks] == ["scheduled"] * 3
    assert seen.care.counted == {"done": 6}
    assert [each.text for each in seen.diagnoses] == ["早产儿"], "three visits said so"


async def test_the_timeline_tells_what_happened_latest_first(ward: Ward) -> None:
    await furnish(ward)
    seen = await ward.seen_by(ward.lin)
    assert [each.at for each in seen.timeline] == sorted((each.at for each in seen.timeline), reverse=True)
    assert {"visit_inpatient", "discharge", "diagnosis", "report", "alert", "alert_closed", "plan"} <= {each.kind for each in seen.timeline}
    assert all(each.at <= NOW for each in seen.timeline)


async def test_contact_habits_are_seen_in_the_hospital_hours(ward: Ward) -> None:
    await furnish(ward, times=4)
    contact = (await ward.seen_by(ward.lin)).contact
    assert (contact.messages_30d, contact.days_30d, contact.by_type, contact.in_charge) == (4, 4, {"voice": 4}, ("bot",))
    assert contact.by_part == {"morning": 4}


async def test_a_long_history_takes_no_more_statements_and_few_rows(ward: Ward, db: Database) -> None:
    await furnish(ward)
    await ward.tx.flush()
    with counted(db) as short:
        await ward.seen_by(ward.lin)
    ward.number = 1000
    for code in ("growth", "fever", "x", "y"):
        await ward.tagged(code, reasons=30)
    for n in range(400):
        ward.measured("weight", 5.0 + n / 1000, n / 10)
        ward.measured("fever", None, n / 10, text="发烧", status="present", when="now")
        ward.resulted("钾", "4.1")
    await ward.tx.flush()
    with counted(db) as long:
        seen = await ward.seen_by(ward.lin)
    # Without tags their reasons are not asked for.
    assert len(long) == len(short) + 1 <= 25
    assert sum(long) < 600
    weight = next(each for each in seen.vitals if each.vital == "weight")
    assert (len(weight.readings), weight.more) == (READINGS, True)
    assert len(seen.timeline) <= LONGEST


async def test_it_is_json_as_it_stands(ward: Ward) -> None:
    await furnish(ward)
    told = json.loads(json.dumps(as_json(await ward.seen_by(ward.lin)), ensure_ascii=False))
    assert (told["version"], told["who"]["birth_date"], told["at"]) == (1, "2026-06-01", "2026-11-30T02:00:00+00:00")
    assert told["risks"][0]["source"].startswith("NICE NG75") and told["risks"][0]["caution"]
