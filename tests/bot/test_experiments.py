"""`careloop experiment …` from a draft to a suggestion, and what a family of the demo reads when its opening was chosen."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from plans.experiment.words import ExperimentRefused
from records.database import Database
from records.patient import AccessRefused
from records.schema import Carer, Patient, PatientCarer, Staff, Team, TeamMember

DESIGN = """
code: evening
title: 晚上问会不会更好
team: 新生儿随访组
kind: send_hour
arms: {nine: 9, evening: 19}
template: neonatal
aim: {base: 0.5, difference: 0.2}
"""


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with db.transaction() as tx:
        team, other = Team(name="新生儿随访组"), Team(name="血液随访组")
        people = [Staff(userid=id, name=id, title="护士") for id in ("lin", "he", "qin")]
        tx.add_all([team, other, *people])
        await tx.flush()
        tx.add_all([TeamMember(team_id=(other if each.userid == "qin" else team).id, staff_id=each.id) for each in people])
        carer = Carer(name="赵", external_userid="wm1")
        patient = Patient(team_id=team.id, record_number="D0001", name="小满", birth_date=date(2025, 8, 1), tags=[])
        tx.add_all([patient, carer])
        await tx.flush()
        tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)


@pytest.fixture
def careloop(hospital: None) -> Callable[..., str]:
    import threading

    def call(*arguments: str) -> str:
        """Commands start a loop of their own, so each gets a thread."""
        results: list = []
        thread = threading.Thread(target=lambda: results.append(CliRunner().invoke(app, ["experiment", *arguments])))
        thread.start()
        thread.join()
        if results[0].exception is not None and not isinstance(results[0].exception, SystemExit):
            raise results[0].exception
        return results[0].output

    return call


def test_from_a_draft_to_a_conclusion(careloop, tmp_path: Path) -> None:
    (tmp_path / "evening.yml").write_text(DESIGN, "utf-8")
    drafted = careloop("draft", str(tmp_path / "evening.yml"), "--by", "lin")
    assert "evening  晚上问会不会更好  草稿  nine=9、evening=19  0/" in drafted and "每组需要" in drafted
    with pytest.raises(ExperimentRefused, match="另一位成员启动"):
        careloop("start", "evening", "--by", "lin")
    with pytest.raises(ExperimentRefused, match="不在负责这个试验的团队里"):
        careloop("start", "evening", "--by", "qin")
    assert "进行中" in careloop("start", "evening", "--by", "he")
    assert "期间不显示各组的比较" in careloop("look", "evening", "--by", "he")
    assert "已停止" in careloop("stop", "evening", "--by", "he", "--why", "换季")
    assert "没有可提的建议" in careloop("suggest", "evening", "--by", "he")
    assert "已结论" in careloop("conclude", "evening", "--by", "he", "--why", "不改")
    assert "已结论" in careloop("list", "--by", "lin") and careloop("list", "--by", "qin").strip() == "没有。"
    assert careloop("suggestions", "--by", "he").strip() == "没有。"


def test_adapting_is_a_members_decision_and_can_be_explained(careloop) -> None:
    on = careloop("adapt", "新生儿随访组", "send_hour", "--option", "9", "--option", "19", "--by", "lin")
    assert "可选：9、19；20%的家庭保持默认作对照" in on
    assert careloop("lift", "新生儿随访组", "send_hour", "--by", "lin").strip() == "还没有可比较的家庭。"
    assert "没有为这次随访做过选择" in careloop("why", "D0001", "--by", "lin")
    assert "恢复默认" in careloop("no-adapt", "新生儿随访组", "send_hour", "--by", "lin")
    for arguments, words in {
        ("adapt", "新生儿随访组", "dose", "--option", "1", "--option", "2", "--by", "lin"): "只能是这两种",
        ("adapt", "新生儿随访组", "send_hour", "--option", "9", "--option", "23", "--by", "lin"): "夜间不发消息",
        ("adapt", "新生儿随访组", "send_hour", "--option", "9", "--option", "19", "--by", "qin"): "没有“新生儿随访组”这个团队",
        ("lift", "新生儿随访组", "send_hour", "--by", "nobody"): "没有“nobody”这位在职医护",
    }.items():
        with pytest.raises(ExperimentRefused, match=words):
            careloop(*arguments)
    with pytest.raises(AccessRefused):
        careloop("why", "D0001", "--by", "qin")
