"""`careloop tag …` on a database of its own."""

from datetime import date
from pathlib import Path

import pytest

from bot.tag_library import export_command, import_command, list_command, put_command, retire_command, rules_command, show_command
from bot.tag_patient import of_command, say_command
from records.database import Database
from records.patient import AccessRefused, Patient
from records.staff import Staff, Team, TeamMember
from tagging.tags.errors import TagError


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with db.transaction() as tx:
        team, lin, qin = (
            Team(name="新生儿随访组"),
            Staff(userid="linyue", name="林悦", title="护士"),
            Staff(userid="qinlan", name="秦岚", title="护士"),
        )
        tx.add_all([team, lin, qin])
        await tx.flush()
        tx.add(TeamMember(team_id=team.id, staff_id=lin.id))
        tx.add(Patient(team_id=team.id, record_number="D0001", name="小满", birth_date=date(2025, 8, 1)))
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)


@pytest.mark.usefixtures("hospital")
def test_an_administrator_keeps_the_library(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = {"name": "母乳强化", "kind": "treatment", "meaning": "母乳强化剂喂养", "shared": True}
    put_command("fortifier", said, new=True, by="linyue")
    put_command("fortifier", {"meaning": "正在用母乳强化剂"}, new=False, by="linyue")
    show_command("fortifier")
    list_command("treatment")
    shown = capsys.readouterr().out
    assert "正在用母乳强化剂" in shown and "version 2" in shown and "linyue" in shown
    assert "化疗中" in shown and "哮喘" not in shown
    export_command(tmp_path / "tags.yml")
    import_command(tmp_path / "tags.yml", by="linyue")
    assert "0 new, 0 changed" in capsys.readouterr().out
    (tmp_path / "more.yml").write_text(
        "kind: diagnosis\ntags:\n  jia_uveitis: {name: 葡萄膜炎, meaning: 关节炎相关葡萄膜炎, parent: jia}", "utf-8"
    )
    import_command(tmp_path / "more.yml", by="linyue")
    assert "1 new" in capsys.readouterr().out
    retire_command("fortifier", by="linyue")
    list_command("treatment")
    assert "fortifier" not in capsys.readouterr().out.split("next look.")[1]
    with pytest.raises(TagError, match="not in use"):
        put_command("fortifier2", {"name": "新"}, new=False, by="linyue")
    with pytest.raises(TagError, match="there already"):
        export_command(tmp_path / "tags.yml")


@pytest.mark.usefixtures("hospital")
def test_a_clinician_gives_and_takes_a_tag(capsys: pytest.CaptureFixture[str]) -> None:
    say_command("D0001", "asthma", "carries", by="linyue", why="门诊确诊")
    assert "哮喘 (asthma)  active" in capsys.readouterr().out
    say_command("D0001", "asthma", "refused", by="linyue", why="肺功能正常")
    of_command("D0001", history=False)
    shown = capsys.readouterr().out
    assert "refused" in shown and "✗" in shown and "肺功能正常" in shown and "decided by linyue" in shown
    with pytest.raises(TagError, match="nobody types it"):
        say_command("D0001", "contact.week", "carries", by="linyue", why="试试")
    with pytest.raises(AccessRefused):
        say_command("D0001", "asthma", "carries", by="qinlan", why="试试")
    with pytest.raises(TagError, match="no clinician"):
        say_command("D0001", "asthma", "carries", by="nobody", why="试试")


def test_the_rules_are_listed_with_reason_source_and_approval(capsys: pytest.CaptureFixture[str]) -> None:
    rules_command(waiting=True)
    shown = capsys.readouterr().out
    assert "hba1c_high_twice v1  not approved" in shown and "ADA Standards of Care" in shown
