"""`careloop work …` on a database of its own: Lin lists and closes, Qin cannot."""

from datetime import UTC, date, datetime

import pytest

from bot.registry import RegistryError
from bot.work import close_command, list_command, take_command
from records.database import Database
from records.errand import raise_errand
from records.patient import Patient
from records.staff import Staff, Team, TeamMember

NOW = datetime(2026, 3, 6, 2, tzinfo=UTC)


@pytest.fixture
async def errand(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> int:
    async with db.transaction() as tx:
        team, lin, qin = (
            Team(name="新生儿随访组"),
            Staff(userid="linyue", name="林悦", title="护士"),
            Staff(userid="qinlan", name="秦岚", title="护士"),
        )
        tx.add_all([team, lin, qin])
        await tx.flush()
        tx.add(TeamMember(team_id=team.id, staff_id=lin.id))
        patient = Patient(team_id=team.id, record_number="D0001", name="小满", birth_date=date(2025, 8, 1))
        tx.add(patient)
        await tx.flush()
        id = await raise_errand(tx, patient, kind="no_route", text="请打电话", because="微信联系不上", key="k", now=NOW)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)
    assert id is not None
    return id


def test_lin_lists_takes_and_closes(errand: int, capsys: pytest.CaptureFixture[str]) -> None:
    list_command("linyue", as_json=False)
    take_command(errand, by="linyue")
    list_command("linyue", as_json=True)
    close_command(errand, "done", by="linyue", outcome="打通了")
    list_command("linyue", as_json=False)
    told = capsys.readouterr().out
    assert f"#{errand} 小满：请打电话（微信联系不上）" in told and "林悦在办" in told and told.endswith("Nothing waits.\n")
    with pytest.raises(RegistryError, match="is closed"):
        close_command(errand, "dropped", by="linyue", outcome="")


def test_qin_can_do_nothing_with_it(errand: int, capsys: pytest.CaptureFixture[str]) -> None:
    list_command("qinlan", as_json=False)
    assert capsys.readouterr().out == "Nothing waits.\n"
    for act in (lambda: take_command(errand, by="qinlan"), lambda: close_command(errand, "done", by="qinlan", outcome="")):
        with pytest.raises(RegistryError, match="There is no errand"):
            act()
    with pytest.raises(RegistryError, match="There is no clinician"):
        list_command("nobody", as_json=False)
