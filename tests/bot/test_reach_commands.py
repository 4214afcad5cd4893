"""`careloop reach …` on a database of its own."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.reach_commands import check_command, contacts_command, rules_command, use_command, why_command
from bot.registry import RegistryError
from plans.authored import AuthoringError
from plans.reach.policy import shipped
from records.contact import plan_contacts
from records.database import Database
from records.schema import Carer, Chat, Contact, Patient, PatientCarer, Staff, Team, TeamMember


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    async with db.transaction() as tx:
        team, lin, qin = (
            Team(name="新生儿随访组"),
            Staff(userid="linyue", name="林悦", title=""),
            Staff(userid="qinlan", name="秦", title=""),
        )
        carer = Carer(name="赵", external_userid="wm1")
        tx.add_all([team, lin, qin, carer])
        await tx.flush()
        patients = [Patient(team_id=team.id, record_number=f"D{n}", name="小满", birth_date=date(2026, 1, 1)) for n in range(2)]
        tx.add_all([*patients, TeamMember(team_id=team.id, staff_id=lin.id)])
        await tx.flush()
        tx.add_all(PatientCarer(patient_id=each.id, carer_id=carer.id, relationship="母亲") for each in patients)
        tx.add(Chat(open_kfid="wk1", external_userid="wm1", carer_id=carer.id, team_id=team.id, opened_at=now))
        rows = [
            Contact(key=f"task:{n}:opening", about=f"task:{n}:opening", carer_id=carer.id, patient_id=each.id, tasks=[n], purpose="task",
                    route="kf", at=now - timedelta(hours=1))
            for n, each in enumerate(patients)
        ]  # fmt: skip
        await plan_contacts(tx, rows)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)


@pytest.mark.usefixtures("hospital")
def test_every_attempt_is_seen_by_those_who_follow_the_child(capsys: pytest.CaptureFixture[str]) -> None:
    contacts_command("D0", by="linyue", days=30)
    told = capsys.readouterr().out
    assert "task:0:opening" in told and "planned" in told and "task:1" not in told
    with pytest.raises(RegistryError, match="not on the team"):
        contacts_command("D0", by="qinlan", days=30)


@pytest.mark.usefixtures("hospital")
def test_why_a_family_cannot_be_reached_is_said_route_by_route(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # No quiet hours, or the answer would hang on when the test runs.
    rules = tmp_path / "rules.yml"
    rules.write_text(shipped().replace('{start: "21:00", end: "08:00"}', '{start: "00:00", end: "00:00"}'), "utf-8")
    use_command(rules, by="linyue")
    capsys.readouterr()
    why_command("D0", by=None, purpose="task")
    told = capsys.readouterr().out
    assert "kf               no: window_closed 家属48小时内没有发过消息" in told and "sms              no: not_there" in told
    with pytest.raises(RegistryError, match="purpose"):
        why_command("D0", by=None, purpose="spam")


@pytest.mark.usefixtures("hospital")
def test_rules_are_changed_without_code_and_mistakes_are_refused_with_their_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rules_command()
    text = capsys.readouterr().out
    assert text == shipped()
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(text.replace("per_day: 4", "per_day: 3"), "utf-8")
    bad.write_text(text.replace("per_day: 4", "per_day: 0").replace("group_send, hand, sms]", "kf]"), "utf-8")
    check_command(good)
    for command in (check_command, lambda file: use_command(file, by="linyue")):
        with pytest.raises(AuthoringError) as refused:
            command(bad)
        assert "bad.yml：第 9 行" in str(refused.value) and "per_day" in str(refused.value)
    capsys.readouterr()
    use_command(good, by="linyue")
    rules_command()
    assert "per_day: 3" in capsys.readouterr().out
