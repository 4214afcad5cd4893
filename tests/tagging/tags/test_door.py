"""Changes of tags in the records: rows of state, evidence, what the cohorts hear, and the list that triage reads."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from records.database import Database
from records.patient import AccessRefused, Patient, ReadAudit
from records.state import StateChange
from records.tag import CARRIED, PatientTag, Tag, TagChange, TagEvidence
from tagging.tags.by_hand import say, tags_of, tags_seen_by
from tagging.tags.catalogue import changed, put
from tagging.tags.door import open_door
from tagging.tags.errors import TagError
from tagging.tags.library import shipped
from tests.tagging.tags.conftest import NOW, Ward, changes, days, held, his, ruled, told


async def test_a_tag_is_a_row_with_its_reason_its_history_and_news_for_the_cohorts(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx, open_door(tx, [ward.xiaoman, ward.doudou], NOW) as door:
        door[ward.xiaoman].support("asthma", his(rule_version=3))
        door[ward.xiaoman].support("asthma", told())
    async with db.transaction() as tx:
        assert await held(tx, ward.xiaoman) == {"asthma": "active"} and await held(tx, ward.doudou) == {}
        [shown] = await tags_of(tx, ward.xiaoman, teams=None)
        assert shown.row.source == "his" and shown.row.confidence == 0.95
        assert {(reason.source, reason.rule, reason.rule_version) for reason in shown.reasons} == {
            ("his", "icd10", 3),
            ("chat", "told", None),
        }
        [moved] = await tx.scalars(select(StateChange).where(StateChange.entity == "patient_tag"))
        assert (moved.entity_id, moved.old, moved.new, moved.by) == (shown.row.id, None, "active", "icd10")
        assert await changes(tx, ward.xiaoman) == [("asthma", True)]
        assert (await tx.get_one(Patient, ward.xiaoman)).tags == ["asthma"]


async def test_a_repeat_writes_nothing(db: Database, ward: Ward) -> None:
    for _ in range(3):
        async with db.transaction() as tx, open_door(tx, [ward.xiaoman], NOW) as door:
            door[ward.xiaoman].support("asthma", his())
    async with db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(TagEvidence)) == 1
        assert await tx.scalar(select(func.count()).select_from(TagChange)) == 1


async def test_a_tag_that_comes_back_is_a_new_row(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx, open_door(tx, [ward.xiaoman], NOW) as door:
        door[ward.xiaoman].support("postop", his(at=NOW - days(41)))
    later = NOW + days(3)
    async with db.transaction() as tx, open_door(tx, [ward.xiaoman], later) as door:
        assert door[ward.xiaoman].expire() == ["postop"]
        door[ward.xiaoman].support("postop", his(at=later, ref_id=2))
    async with db.transaction() as tx:
        assert await held(tx, ward.xiaoman) == {"postop": "active"}
        assert await changes(tx, ward.xiaoman) == [("postop", True), ("postop", False), ("postop", True)]
        old, new = await tags_of(tx, ward.xiaoman, teams=None, history=True)
        assert {old.row.until, new.row.until} == {None, later}


async def test_what_stood_in_the_list_by_hand_is_taken_over(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        (await tx.get_one(Patient, ward.xiaoman)).tags = ["picc", "our_code"]
    async with db.transaction() as tx, open_door(tx, [ward.xiaoman], NOW) as door:
        door[ward.xiaoman].support("chemo", told())
    async with db.transaction() as tx:
        assert (await tx.get_one(Patient, ward.xiaoman)).tags == ["picc", "our_code", "chemo"]
        rows = {shown.code: shown.row for shown in await tags_of(tx, ward.xiaoman, teams=None)}
        assert rows["picc"].source == "person" and rows["picc"].decided_by == "registry"


async def test_nothing_is_written_when_the_caller_fails(db: Database, ward: Ward) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction() as tx, open_door(tx, [ward.xiaoman], NOW) as door:
            door[ward.xiaoman].support("asthma", his())
            raise RuntimeError
    async with db.transaction() as tx:
        assert await held(tx, ward.xiaoman) == {}


async def test_two_who_change_the_same_patient_wait_for_each_other(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx, open_door(tx, [], NOW):
        pass

    async def add(ref_id: int) -> None:
        async with db.transaction() as tx, open_door(tx, [ward.doudou, ward.xiaoman], NOW) as door:
            door[ward.xiaoman].support("asthma", his(ref_id=ref_id))

    await asyncio.gather(*(add(ref_id) for ref_id in (1, 1, 2)))
    async with db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(PatientTag)) == 1
        assert await tx.scalar(select(func.count()).select_from(TagEvidence)) == 2


async def test_an_observation_does_not_wait_for_the_door(db: Database, ward: Ward) -> None:
    from records.observation import Observation

    async with db.transaction() as tx, open_door(tx, [ward.xiaoman], NOW) as door:
        door[ward.xiaoman].support("asthma", his())
        async with asyncio.timeout(5), db.transaction() as other:
            other.add(
                Observation(
                    patient_id=ward.xiaoman, code="temperature", value=38.5, unit="Cel", effective_at=NOW, recorded_at=NOW, detail={}
                )
            )


async def test_a_clinician_decides_about_his_own_patients_alone(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        await say(tx, ward.lin, ward.xiaoman, "epilepsy", "carries", why="门诊确诊", now=NOW)
        with pytest.raises(AccessRefused):
            await say(tx, ward.qin, ward.xiaoman, "epilepsy", "ended", why="门诊确诊", now=NOW)
        with pytest.raises(AccessRefused):
            await tags_seen_by(tx, ward.qin, ward.xiaoman, now=NOW)
    async with db.transaction() as tx:
        [shown] = await tags_seen_by(tx, ward.lin, ward.xiaoman, now=NOW)
        assert (shown.code, shown.row.decided_by, shown.reasons[0].because) == ("epilepsy", "linyue", "门诊确诊")
        assert await tx.scalar(select(func.count()).select_from(ReadAudit)) == 2
        await say(tx, ward.lin, ward.xiaoman, "epilepsy", "refused", why="脑电图正常", now=NOW + days(1))
    async with db.transaction() as tx:
        assert await held(tx, ward.xiaoman) == {"epilepsy": "refused"}
        assert await changes(tx, ward.xiaoman) == [("epilepsy", True), ("epilepsy", False)]


@pytest.mark.parametrize(
    ("code", "why"), [("contact.week", "nobody types it"), ("magic'; drop table tag; --", "no tag"), ("epilepsy", "Say why")]
)
async def test_a_word_that_cannot_count_is_refused(db: Database, ward: Ward, code: str, why: str) -> None:
    async with db.transaction() as tx:
        with pytest.raises(TagError, match=why):
            await say(tx, ward.lin, ward.xiaoman, code, "carries", why="查房" if code != "epilepsy" else "  ", now=NOW)


async def test_a_private_tag_is_seen_and_given_in_its_team_alone(db: Database, ward: Ward) -> None:
    private = changed(
        None, {"name": "家庭矛盾", "kind": "management", "meaning": "只在本组可见", "team": "血液肿瘤随访组", "shared": False}, "x"
    )
    async with db.transaction() as tx:
        await put(tx, {"family_conflict": private}, by="qinlan", now=NOW)
        with pytest.raises(TagError, match="no tag 'family_conflict'"):
            await say(tx, ward.lin, ward.xiaoman, "family_conflict", "carries", why="听说", now=NOW)
        # The child moves to the other team, which gives the tag, and comes back.
        child = await tx.get_one(Patient, ward.xiaoman)
        home = child.team_id
        child.team_id = (await tx.scalars(select(Tag.team_id).where(Tag.code == "family_conflict"))).one() or 0
        await say(tx, ward.qin, ward.xiaoman, "family_conflict", "carries", why="谈话", now=NOW)
        assert [shown.code for shown in await tags_seen_by(tx, ward.qin, ward.xiaoman, now=NOW)] == ["family_conflict"]
        child.team_id = home
    async with db.transaction() as tx:
        assert await tags_seen_by(tx, ward.lin, ward.xiaoman, now=NOW) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["support", "oppose", "decide", "refuse", "end", "outgrow", "expire"]),
        st.sampled_from(["chemo", "diabetes", "phq.mild", "phq.severe", "postop"]),
        st.sampled_from([his, told, ruled]),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_rows_news_and_triage_agree_whatever_happens(db: Database, ward: Ward, steps: list) -> None:  # type: ignore[type-arg]
    async with db.transaction() as tx:
        child = Patient(team_id=ward.team.id, record_number=f"P{id(steps)}-{len(steps)}", name="甲", birth_date=NOW.date())
        child.record_number += str(await tx.scalar(select(func.count()).select_from(Patient)))
        tx.add(child)
        await tx.flush()
        one = child.id
    now = NOW
    for act, code, make, ref_id in steps:
        now += timedelta(days=9)
        async with db.transaction() as tx, open_door(tx, [one], now) as door:
            holding = door[one]
            if act == "support":
                holding.support(code, make(at=now, ref_id=ref_id))
            elif act == "oppose":
                holding.oppose(code, make(at=now, ref_id=ref_id))
            elif act in ("decide", "refuse"):
                holding.decide(code, carries=act == "decide", by="linyue", why="查房")
            elif act == "end" and code in holding.rows:
                holding.end(code, by="linyue", why="结束")
            elif act == "outgrow":
                holding.outgrow([])
            else:
                holding.expire()
    async with db.transaction() as tx:
        open_ = await held(tx, one)
        carried = {code for code, state in open_.items() if state in CARRIED}
        heard: dict[str, bool] = {}
        for code, carries in await changes(tx, one):
            assert heard.get(code, False) != carries
            heard[code] = carries
        assert {code for code, carries in heard.items() if carries} == carried
        triage = set((await tx.get_one(Patient, one)).tags)
        assert triage <= carried and carried & (shipped().triage - shipped().lowers) <= triage
        last = select(StateChange.entity_id, StateChange.new).where(StateChange.entity == "patient_tag").order_by(StateChange.id)
        ends = dict((await tx.execute(last)).all())
        rows = list(await tx.scalars(select(PatientTag).where(PatientTag.patient_id == one)))
        assert all(ends[row.id] == row.state and (row.until is not None) == (row.state == "ended") for row in rows)
