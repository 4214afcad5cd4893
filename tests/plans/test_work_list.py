"""Nurse Lin sees what waits for her team; nurse Qin of another team sees none of it."""

from datetime import date, timedelta

from sqlalchemy import select, update

from plans.bundle import Piece
from plans.consent import stop
from plans.personal import template_of
from plans.remind import expire
from plans.task import close
from plans.work_list import MOST, WorkItem, is_cut, work_list
from records.dealt_with import DealtWith
from records.errand import Errand, raise_errand
from records.flag import raise_flag
from records.schema import ReadAudit
from tests.plans.conftest import Family, local

D = date(2026, 3, 6)
NEXT = D + timedelta(days=1)


async def with_work(family: Family) -> None:
    await family.enrolled()
    missed = await family.asked(D)
    await expire(family.tx, Piece(missed, family.patient, await template_of(family.tx, missed)), now=local(NEXT, 0))
    await close(family.tx, await family.task_of(NEXT), "undeliverable", now=local(NEXT, 9), by="system", reason="window_closed")
    declined = await family.asked(NEXT + timedelta(days=1))
    await family.answers(declined, "家里没有秤", now=local(NEXT + timedelta(days=1), 10))
    await raise_flag(
        family.tx, family.chat, level="urgent", categories=["neonatal_weight"], said="2.9公斤", because="低于出生体重10%", evidence=[],
        now=local(D, 10), patient_id=family.patient.id,
    )  # fmt: skip


def kinds(items: list[WorkItem]) -> list[str]:
    return [item.kind for item in items]


async def test_lin_sees_her_team_and_qin_does_not(family: Family) -> None:
    await with_work(family)
    now = local(NEXT + timedelta(days=1), 11)
    items = await work_list(family.tx, family.lin, now)
    assert kinds(items) == ["flag", "declined", "undeliverable", "missed"]
    assert {item.name for item in items} == {"小满"}
    assert "48小时" in items[2].text and "填不了" in items[1].text
    assert await work_list(family.tx, family.qin, now) == []
    family.lin.active = False
    assert await work_list(family.tx, family.lin, now) == []


async def test_the_list_is_a_read_and_audited_once_an_hour(family: Family) -> None:
    await with_work(family)
    now = local(NEXT + timedelta(days=1), 11)
    for minutes in (0, 1, 30, 61):
        await work_list(family.tx, family.lin, now + timedelta(minutes=minutes))
    await work_list(family.tx, family.qin, now)
    audits = (await family.tx.scalars(select(ReadAudit))).all()
    assert [(audit.staff_id, audit.patient_id, audit.why) for audit in audits] == [(family.lin.id, family.patient.id, "work_list")] * 2


async def test_a_stopped_family_and_a_doubtful_weight_are_seen(family: Family) -> None:
    await family.enrolled()
    await family.weighed((date(2026, 3, 5), 3.36))
    task = await family.asked(D)
    await family.answers(task, "3.8公斤", now=local(D, 10))
    await stop(family.tx, family.carer, local(D, 11))
    assert sorted(kinds(await work_list(family.tx, family.lin, local(D, 12)))) == ["stopped", "unconfirmed"]


async def test_old_endings_leave_the_list(family: Family) -> None:
    await with_work(family)
    assert kinds(await work_list(family.tx, family.lin, local(D + timedelta(days=30)))) == ["flag"]


async def test_of_each_sort_the_newest_are_there_and_what_is_dealt_with_takes_no_place(family: Family) -> None:
    for number in range(MOST + 5):
        await raise_errand(
            family.tx,
            family.patient,
            kind="by_hand",
            text=f"第{number}件",
            because="",
            key=f"call:{number}",
            now=local(D, 1) + timedelta(minutes=number),
        )
    await family.enrolled()
    await stop(family.tx, family.carer, local(D, 11))
    items = await work_list(family.tx, family.lin, local(D, 12))
    assert kinds(items) == ["stopped", *["errand"] * MOST] and is_cut(items)
    assert f"第{MOST + 4}件" in items[1].text and "第5件" in items[-1].text
    family.tx.add(DealtWith(key=items[0].key, patient_id=family.patient.id, staff_id=family.lin.id, at=local(D, 12)))
    await family.tx.execute(update(Errand).where(Errand.key == "call:0").values(owner_id=family.lin.id))
    assert [item.text[:3] for item in await work_list(family.tx, family.lin, local(D, 12), mine=True)] == ["第0件"]
    assert not is_cut(await work_list(family.tx, family.lin, local(D, 12), mine=True))
