"""Where a mother can be reached outside the chat: followers, agreements that are used up, numbers, and her no."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database
from records.push_address import (
    PushAddress,
    addresses,
    agree,
    end,
    keep_phones,
    know_carer,
    know_unionid,
    match_carers,
    opt_in,
    opt_out,
    spend,
    used_up,
)
from records.schema import Carer, Patient, PatientCarer, StateChange, Team

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
TASK = "tpl-task"


async def mother(tx: AsyncSession, name: str = "zhao", phone: str | None = None) -> Carer:
    team = await tx.scalar(select(Team)) or Team(name="新生儿随访")
    carer = Carer(name=name, external_userid=f"wm-{name}", phone=phone)
    tx.add_all([team, carer])
    await tx.flush()
    patient = Patient(team_id=team.id, record_number=name, name="小满", birth_date=date(2026, 3, 1))
    tx.add(patient)
    await tx.flush()
    tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
    await tx.flush()
    return carer


async def open_to(tx: AsyncSession, carer: Carer, template: str | None = None, now: datetime = LATER) -> list[str]:
    """Channel and address of everything that reaches her now."""
    rows = (await addresses(tx, [carer.id], now)).get(carer.id, [])
    return sorted(f"{row.channel}:{row.address}" for row in rows if row.opens(template, now))


async def test_a_follower_is_found_by_her_unionid_whichever_side_we_hear_of_first(db: Database) -> None:
    async with db.transaction() as tx:
        zhao, wang = await mother(tx), await mother(tx, "wang")
        await agree(tx, "official_account", "o-zhao", consent="follower", now=NOW)
        await know_unionid(tx, "official_account", "o-zhao", "u-zhao", NOW)
        await know_carer(tx, zhao, None, NOW)
        assert await match_carers(tx) == 0
        await know_carer(tx, zhao, "u-zhao", NOW)
        await know_carer(tx, wang, "u-wang", NOW)
        assert await match_carers(tx) == 1
        assert await open_to(tx, zhao) == ["official_account:o-zhao"]
        assert await open_to(tx, wang) == []
        await agree(tx, "mini_program", "m-wang", template=TASK, consent="one_time", now=NOW)
        await know_unionid(tx, "mini_program", "m-wang", "u-wang", NOW)
        assert await match_carers(tx) == 1
        assert await open_to(tx, wang, TASK) == ["mini_program:m-wang"]


async def test_a_second_agreement_of_a_known_account_needs_no_second_look(db: Database) -> None:
    async with db.transaction() as tx:
        zhao = await mother(tx)
        await know_carer(tx, zhao, "u-zhao", NOW)
        await agree(tx, "mini_program", "m-zhao", template=TASK, consent="one_time", now=NOW)
        await know_unionid(tx, "mini_program", "m-zhao", "u-zhao", NOW)
        await match_carers(tx)
        row = await agree(tx, "mini_program", "m-zhao", template="tpl-survey", consent="long_term", now=NOW)
        assert (row.carer_id, row.unionid) == (zhao.id, "u-zhao")


async def test_one_agreement_is_one_message(db: Database) -> None:
    async with db.transaction() as tx:
        zhao = await mother(tx)
        for _ in range(2):
            row = await agree(tx, "mini_program", "m-zhao", template=TASK, consent="one_time", now=NOW)
        row.carer_id = zhao.id
        await tx.flush()
        assert await open_to(tx, zhao) == [] and await open_to(tx, zhao, "tpl-other") == []
        assert [await spend(tx, row.id) for _ in range(3)] == [True, True, False]
        assert await open_to(tx, zhao, TASK) == []
        await agree(tx, "mini_program", "m-zhao", template=TASK, consent="one_time", now=NOW)
        assert await open_to(tx, zhao, TASK) == ["mini_program:m-zhao"]
        await used_up(tx, "mini_program", "m-zhao", TASK)
        assert await open_to(tx, zhao, TASK) == []


async def test_a_refusal_takes_what_was_left_and_a_new_agreement_starts_at_one(db: Database) -> None:
    async with db.transaction() as tx:
        for _ in range(3):
            await agree(tx, "mini_program", "m-zhao", template=TASK, consent="one_time", now=NOW)
        await end(tx, "mini_program", "m-zhao", template=TASK, now=LATER, reason="reject")
        row = await agree(tx, "mini_program", "m-zhao", template=TASK, consent="one_time", now=LATER)
        assert (row.remaining, row.until, row.since) == (1, None, LATER)


async def test_a_long_term_agreement_is_never_used_up(db: Database) -> None:
    async with db.transaction() as tx:
        row = await agree(tx, "mini_program", "m-zhao", template=TASK, consent="long_term", now=NOW)
        assert [await spend(tx, row.id) for _ in range(3)] == [True] * 3
        await used_up(tx, "mini_program", "m-zhao", TASK)
        assert row.opens(TASK, LATER)


async def test_unfollowing_ends_and_following_again_opens(db: Database) -> None:
    async with db.transaction() as tx:
        zhao = await mother(tx)
        (await agree(tx, "official_account", "o-zhao", consent="follower", now=NOW)).carer_id = zhao.id
        await end(tx, "official_account", "o-zhao", now=LATER, reason="unfollowed")
        assert await open_to(tx, zhao) == []
        await agree(tx, "official_account", "o-zhao", consent="follower", now=LATER)
        assert await open_to(tx, zhao) == ["official_account:o-zhao"]
        notes = await tx.scalars(select(StateChange.new).where(StateChange.entity == "push_address").order_by(StateChange.id))
        assert list(notes) == ["agreed", "ended", "agreed"]


async def test_an_unfollow_that_overtakes_the_follow_is_kept(db: Database) -> None:
    async with db.transaction() as tx:
        await end(tx, "official_account", "o-zhao", now=NOW, reason="unfollowed")
        row = await tx.scalar(select(PushAddress))
        assert row is not None and not row.opens(None, LATER)


async def test_her_no_outlasts_a_new_follow(db: Database) -> None:
    async with db.transaction() as tx:
        zhao, wang = await mother(tx), await mother(tx, "wang")
        (await agree(tx, "official_account", "o-zhao", consent="follower", now=NOW)).carer_id = zhao.id
        (await agree(tx, "official_account", "o-wang", consent="follower", now=NOW)).carer_id = wang.id
        await agree(tx, "official_account", "o-nobody", consent="follower", now=NOW)
        assert await opt_out(tx, channel="official_account", whose=zhao.id, now=NOW, reason="不要再发") == 1
        await end(tx, "official_account", "o-zhao", now=NOW, reason="unfollowed")
        await agree(tx, "official_account", "o-zhao", consent="follower", now=LATER)
        assert await open_to(tx, zhao) == [] and await open_to(tx, wang) == ["official_account:o-wang"]
        assert await opt_in(tx, channel="official_account", carer_id=zhao.id, now=LATER, reason="nurse-lin") == 1
        assert await open_to(tx, zhao) == ["official_account:o-zhao"]


async def test_a_carer_who_stopped_paused_or_left_has_no_address(db: Database) -> None:
    async with db.transaction() as tx:
        zhao = await mother(tx, phone="13800138000")
        await keep_phones(tx, NOW)
        assert await open_to(tx, zhao) == ["sms:13800138000"]
        zhao.stopped_at = NOW
        await tx.flush()
        assert await open_to(tx, zhao) == []
        zhao.stopped_at, zhao.paused_until = None, LATER + timedelta(hours=1)
        await tx.flush()
        assert await open_to(tx, zhao) == []
        assert await open_to(tx, zhao, now=LATER + timedelta(hours=1)) == ["sms:13800138000"]
        await tx.delete((await tx.scalars(select(PatientCarer))).one())
        await tx.flush()
        assert await open_to(tx, zhao, now=LATER + timedelta(hours=1)) == []


@pytest.mark.parametrize("phone", [None, "", "010-66551122", "12800138000", "138001380001", "１３８００１３８０００"])
async def test_only_a_mobile_number_gets_texts(db: Database, phone: str | None) -> None:
    async with db.transaction() as tx:
        zhao = await mother(tx, phone=phone)
        await keep_phones(tx, NOW)
        assert await open_to(tx, zhao) == []


async def test_a_number_follows_the_carer_who_has_it(db: Database) -> None:
    async with db.transaction() as tx:
        zhao, granny = await mother(tx, phone="13800138000"), await mother(tx, "granny", phone="13800138000")
        for _ in range(2):
            await keep_phones(tx, NOW)
        assert await open_to(tx, zhao) == await open_to(tx, granny) == ["sms:13800138000"]
        zhao.phone = "13900139000"
        await tx.flush()
        await keep_phones(tx, NOW)
        assert (await open_to(tx, zhao), await open_to(tx, granny)) == (["sms:13900139000"], ["sms:13800138000"])
        zhao.phone = "13800138000"
        await tx.flush()
        await keep_phones(tx, NOW)
        assert await open_to(tx, zhao) == ["sms:13800138000"]
        # Whoever answers 退订 from that phone speaks for both.
        assert await opt_out(tx, channel="sms", whose="13800138000", now=NOW, reason="退订") == 2
        await keep_phones(tx, LATER)
        assert await open_to(tx, zhao) == await open_to(tx, granny) == []
