"""Deciding for many families in one go, on the real tables; two who decide for one family at once do not both use its last contact."""

import asyncio
from datetime import date, timedelta

from sqlalchemy import event, select

from plans.reach.decide import NO_ROUTE, decide_many
from plans.reach.route import Channels, Want
from records.contact import CONTACT_MOVES, NOT_MADE, Contact, move_contacts
from records.database import Database
from records.errand import raise_errand
from records.friendship import befriend, friends_of, keep_only, part_ways
from records.push_address import agree
from records.schema import Carer, Chat, Errand, KfAccount, Patient, PatientCarer, Team
from records.state import Moves
from tests.plans.conftest import ZONE, local

D = date(2026, 3, 10)
NOON = local(D, 12)


async def families(db: Database, count: int, **chat: object) -> list[int]:
    """So many carers with a child each, and an open chat; their ids."""
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        tx.add(team)
        await tx.flush()
        carers = [Carer(name=f"家长{n}", external_userid=f"wm{n}") for n in range(count)]
        patients = [Patient(team_id=team.id, record_number=f"N{n}", name="小满", birth_date=D) for n in range(count)]
        tx.add_all(
            [*carers, *patients, KfAccount(open_kfid="wk1", name="", team_id=team.id, contact_url="https://work.weixin.qq.com/kf/k")]
        )
        await tx.flush()
        for n, (carer, patient) in enumerate(zip(carers, patients, strict=True)):
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
            window = {"window_from": NOON - timedelta(hours=1), "window_used": 0, **chat}
            tx.add(Chat(open_kfid="wk1", external_userid=f"wm{n}", carer_id=carer.id, team_id=team.id, opened_at=NOON, **window))
        return [carer.id for carer in carers]


async def rows(db: Database) -> list[Contact]:
    async with db.transaction() as tx:
        return list(await tx.scalars(select(Contact).order_by(Contact.id)))


async def test_hundreds_of_families_cost_no_more_statements_than_one(db: Database) -> None:
    carers = await families(db, 300)
    counts = []
    for some in (carers[:1], carers[1:]):
        async with db.transaction() as tx:
            statements: list[str] = []

            def note(*args: object, said: list[str] = statements) -> None:
                said.append(str(args[2]))

            event.listen(db.engine.sync_engine, "before_cursor_execute", note)
            decided = await decide_many(tx, [Want(f"task:{each}:opening", each, "task") for each in some], now=NOON, zone=ZONE)
            event.remove(db.engine.sync_engine, "before_cursor_execute", note)
            counts.append(len(statements))
        assert {(each.kind, each.route) for each in decided.values()} == {("send", "kf")}
    assert counts[0] == counts[1] <= 12
    assert {(row.state, row.purpose) for row in await rows(db)} == {("planned", "task")} and len(await rows(db)) == 300


async def test_two_who_decide_at_once_share_one_budget_and_one_window(db: Database) -> None:
    [carer] = await families(db, 1)

    async def decide(name: str) -> list[str]:
        async with db.transaction() as tx:
            wants = [Want(f"{name}:{n}", carer, "task") for n in range(3)]
            decided = await decide_many(tx, wants, now=NOON, zone=ZONE)
            await asyncio.sleep(0)
            return [each.reason for each in decided.values()]

    found = await asyncio.gather(*(decide(name) for name in "abcd"))
    assert sorted(reason for each in found for reason in each) == ["due"] * 4 + ["over_budget"] * 8
    async with db.transaction() as tx:
        [again] = (await decide_many(tx, [Want("a:0", carer, "task")], now=NOON, zone=ZONE)).values()
    assert len(await rows(db)) == 4 and again.kind in ("repeat", "wait")


async def test_of_several_wants_of_a_family_the_survey_yields(db: Database) -> None:
    [carer] = await families(db, 1)
    async with db.transaction() as tx:
        wants = [Want(f"{purpose}:1", carer, purpose) for purpose in ("survey", "content", "push", "task")]
        decided = await decide_many(tx, wants, now=NOON, zone=ZONE)
    assert {want.purpose: decided[want.key].reason for want in wants} == {
        "survey": "over_budget", "content": "due", "push": "due", "task": "due",
    }  # fmt: skip


async def test_what_failed_frees_the_budget_and_is_tried_by_the_next_route(db: Database) -> None:
    [carer] = await families(db, 1, window_from=None)
    channels = Channels({"official_account": None, "sms": None})
    async with db.transaction() as tx:
        for channel, consent in (("official_account", "follower"), ("sms", "phone")):
            row = await agree(tx, channel, "o1", consent=consent, now=NOON - timedelta(days=1))  # type: ignore[arg-type]
            row.carer_id = carer
    want = Want("task:1:opening", carer, "task", tasks=(1,))
    told = []
    for state in ("failed", "refused", None):
        async with db.transaction() as tx:
            decision = (await decide_many(tx, [want], now=NOON, zone=ZONE, channels=channels))[want.key]
            told.append((decision.kind, decision.route or decision.reason))
            if state is not None:
                assert await move_contacts(tx, [decision.key], state, now=NOON, error="user_blocked") == {decision.key}
                assert await move_contacts(tx, [decision.key], "delivered", now=NOON) == set()
    assert told == [("send", "official_account"), ("send", "sms"), ("no", "refused")]
    assert [(row.route, row.state, row.error, row.ended_at) for row in await rows(db)] == [
        ("official_account", "failed", "user_blocked", NOON), ("sms", "refused", "user_blocked", NOON),
    ]  # fmt: skip


async def test_a_family_that_can_be_reached_again_is_no_errand(db: Database) -> None:
    [carer] = await families(db, 1)
    async with db.transaction() as tx:
        patient = (await tx.scalars(select(Patient))).one()
        await raise_errand(tx, patient, kind=NO_ROUTE, text="请打电话", because="", key="n", now=NOON)
        await raise_errand(tx, patient, kind="other", text="别的事", because="", key="o", now=NOON)
        await decide_many(tx, [Want("task:1:opening", carer, "task", patient_id=patient.id)], now=NOON, zone=ZONE)
    async with db.transaction() as tx:
        found = {row.kind: row.state for row in await tx.scalars(select(Errand))}
    assert found == {NO_ROUTE: "dropped", "other": "open"}


async def test_the_newest_friend_writes_to_the_family(db: Database) -> None:
    async with db.transaction() as tx:
        await befriend(tx, [("wm1", "linyue"), ("wm2", "linyue")], NOON - timedelta(days=2))
        await befriend(tx, [("wm1", "hemin")], NOON)
        assert await friends_of(tx, ["wm1", "wm2", "wm3"]) == {"wm1": "hemin", "wm2": "linyue"}
        await part_ways(tx, "wm1", "hemin", NOON)
        assert await friends_of(tx, ["wm1"]) == {"wm1": "linyue"}
        await keep_only(tx, ["linyue"], [("wm2", "linyue")], NOON)
        assert await friends_of(tx, ["wm1", "wm2"]) == {"wm2": "linyue"}
        await befriend(tx, [("wm1", "hemin")], NOON + timedelta(days=1))
        assert await friends_of(tx, ["wm1"]) == {"wm1": "hemin"}


def test_the_table_of_moves() -> None:
    moves: Moves = CONTACT_MOVES
    assert set().union(*moves.values()) <= set(moves) and all(not moves[state] for state in NOT_MADE)
