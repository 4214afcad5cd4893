"""Errands: raised once, seen and closed by nurse Lin, out of reach of nurse Qin."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from plans.death import stop_for_death
from plans.errand import CLOSED, ERRAND_MOVES, access_errand, close_errand, drop_errands, take_errand
from plans.work_list import work_list
from records.errand import Errand, NewErrand, raise_errand, raise_errands
from records.patient import AccessRefused
from records.state import StateChange
from tests.plans.conftest import Family, local

NOW = local(date(2026, 3, 6), 10)


async def raised(family: Family, key: str = "call:1") -> Errand:
    id = await raise_errand(
        family.tx, family.patient, kind="no_route", text="请打电话问今天的体重", because="微信联系不上", key=key, now=NOW
    )
    assert id is not None
    return await family.tx.get_one(Errand, id)


async def changes(family: Family) -> list[tuple[str | None, str, str, str | None]]:
    rows = await family.tx.scalars(select(StateChange).where(StateChange.entity == "errand").order_by(StateChange.id))
    return [(row.old, row.new, row.by, row.reason) for row in rows]


async def test_an_errand_is_raised_once_and_stands_until_it_is_closed(family: Family) -> None:
    errand = await raised(family)
    again = await raise_errand(family.tx, family.patient, kind="no_route", text="再来", because="", key="call:1", now=NOW)
    assert again is None
    later = NOW + timedelta(days=40)
    [item] = await work_list(family.tx, family.lin, later)
    assert (item.kind, item.errand_id, item.name, item.text) == ("errand", errand.id, "小满", "请打电话问今天的体重（微信联系不上）")
    assert await take_errand(family.tx, errand, family.lin, now=later)
    assert (await work_list(family.tx, family.lin, later))[0].text.endswith("；林在办")
    assert await close_errand(family.tx, errand, "done", by="nurse-lin", outcome="电话问到了", now=later)
    assert not await close_errand(family.tx, errand, "dropped", by="nurse-lin", outcome="", now=later)
    assert not await take_errand(family.tx, errand, family.qin, now=later)
    assert (errand.state, errand.outcome, errand.closed_at) == ("done", "电话问到了", later)
    assert await work_list(family.tx, family.lin, later) == []
    assert await changes(family) == [
        (None, "open", "system", "no_route"),
        ("open", "open", "nurse-lin", "taken"),
        ("open", "done", "nurse-lin", "电话问到了"),
    ]
    assert await raise_errand(family.tx, family.patient, kind="no_route", text="", because="", key="call:1", now=later) is None


async def test_qin_of_another_team_neither_sees_nor_closes_it(family: Family) -> None:
    errand = await raised(family)
    assert await work_list(family.tx, family.qin, NOW) == []
    assert (await access_errand(family.tx, family.lin, errand.id, now=NOW, why="errand")).id == errand.id
    with pytest.raises(AccessRefused):
        await access_errand(family.tx, family.qin, errand.id, now=NOW, why="errand")
    family.patient.team_id = (await family.tx.get_one(type(family.team), family.team.id + 1)).id
    await family.tx.flush()
    with pytest.raises(AccessRefused):
        await access_errand(family.tx, family.lin, errand.id, now=NOW, why="errand")
    assert [item.errand_id for item in await work_list(family.tx, family.qin, NOW)] == [errand.id]


async def test_many_are_raised_in_one_go_once_per_key(family: Family) -> None:
    await raised(family, "call:7")
    new = [NewErrand(family.patient.id, family.team.id, "no_route", f"第{n}件", "", f"call:{n}") for n in range(50)]
    assert set(await raise_errands(family.tx, new, now=NOW)) == {f"call:{n}" for n in range(50) if n != 7}
    assert await raise_errands(family.tx, new, now=NOW) == {}
    assert await drop_errands(family.tx, [family.patient.id], kinds=["other"], by="system", reason="arrived", now=NOW) == 0
    assert await drop_errands(family.tx, [family.patient.id], kinds=["no_route"], by="system", reason="arrived", now=NOW) == 50


async def test_a_death_ends_the_errands(family: Family) -> None:
    errand = await raised(family)
    await stop_for_death(family.tx, family.patient, by="hospital", now=NOW)
    assert (errand.state, errand.outcome) == ("dropped", "died")


def test_closed_is_closed() -> None:
    assert {"done", "dropped"} == CLOSED and set().union(*ERRAND_MOVES.values()) <= set(ERRAND_MOVES)
