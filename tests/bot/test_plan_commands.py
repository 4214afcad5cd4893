"""`careloop plan …` on a small synthetic hospital, as a clinician types it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from bot.cli_plan import plan
from bot.synthetic.plant import Planting, plant_hospital
from plans.template import FOLDER
from plans.template.written import to_yaml
from records.database import Database
from records.schema import Patient, Staff, Team, TeamMember
from tests.plans.test_planning import DAILY, VISIT, plan_of

NOW = datetime.now(UTC)
TODAY = NOW.astimezone(ZoneInfo("Asia/Shanghai")).date()
LIN, QIN = "syn-01-3", "qin"


@pytest.fixture
async def record_number(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A patient of nurse Lin's; nurse Qin of another team publishes."""
    await plant_hospital(db, Planting(60, 60, 3, NOW, ZoneInfo("Asia/Shanghai")))
    monkeypatch.setenv("DATABASE_URL", database_url)
    async with db.transaction() as tx:
        team = await tx.scalar(select(TeamMember.team_id).join(Staff, Staff.id == TeamMember.staff_id).where(Staff.userid == LIN))
        other, qin = Team(name="别的组"), Staff(userid=QIN, name="秦", title="护士")
        tx.add_all([other, qin])
        await tx.flush()
        tx.add(TeamMember(team_id=other.id, staff_id=qin.id))
        # Nobody has a plan yet but those of the test.
        patient = await tx.scalar(select(Patient).where(Patient.team_id == team).order_by(Patient.id).limit(1))
        assert patient is not None
        return patient.record_number


def run(*said: str, code: int = 0) -> str:
    """The command in a thread of its own, since it starts a loop of its own."""
    results = []

    def call() -> None:
        results.append(CliRunner().invoke(plan, list(said)))

    thread = Thread(target=call)
    thread.start()
    thread.join()
    (result,) = results
    assert (result.exit_code != 0) == (code != 0), (result.output, result.exception)
    return result.output.strip() if code == 0 else f"{result.output}{result.exception}"


async def test_a_template_from_draft_to_a_patient_and_back(record_number: str, tmp_path: Path) -> None:
    file = tmp_path / "walks.yml"
    file.write_text(to_yaml(plan_of(DAILY, VISIT, later=["next_visit", "chemo_day"])), encoding="utf-8")
    assert "没有发现错误" in run("check", str(file), "--here")
    run("import", str(file), "--by", LIN)
    assert "自己写的" in run("publish", "walks", "1", "--by", LIN, code=1)
    assert "已发布" in run("publish", "walks", "1", "--by", QIN)
    assert "walks" in run("list") and "散步" in run("show", "walks")
    assert json.loads(run("export", "walks", "--fhir"))["resourceType"] == "PlanDefinition"
    assert "must look like" in run("enrol", "walks", record_number, "--by", LIN, "--date", "discharge=soon", code=1)
    day = f"discharge={TODAY}"
    assert "已加入" in run("enrol", "walks", record_number, "--by", LIN, "--date", day, "--hour", "9")
    assert "patient" in run("pause", "walks", record_number, "--by", QIN, code=1)
    skipped = run("change", "walks", record_number, "skip", "--by", LIN, "--step", "s0", "--day", str(TODAY + timedelta(days=3)))
    assert "撤回1次" in skipped and "不做" in skipped
    added = run("change", "walks", record_number, "add", "--by", LIN, "--text", "明天拆线", "--day", str(TODAY + timedelta(days=5)))
    assert "新增1次" in added
    listed = run("changes", "walks", record_number, "--by", LIN)
    assert len(listed.splitlines()) == 2
    assert "新增2次" in run("anchor", "walks", record_number, "next_visit", "--by", LIN, "--day", str(TODAY + timedelta(days=9)))
    assert "是不是想写“next_visit”" in run("anchor", "walks", record_number, "nextvisit", "--by", LIN, code=1)
    assert "已暂停" in run("pause", "walks", record_number, "--by", LIN)
    assert "已恢复" in run("resume", "walks", record_number, "--by", LIN)
    file.write_text(to_yaml(plan_of({"schedule": [{"days": [1, 2]}], "id": "new"}, version=2)), encoding="utf-8")
    run("import", str(file), "--by", LIN)
    run("publish", "walks", "2", "--by", QIN)
    assert "+ new" in run("diff", "walks", "1", "2")
    shown = run("move", "walks", "--by", LIN)
    assert "只是预览" in shown and "没有对应的步骤" in shown
    assert run("move", "walks", "--by", LIN, "--yes").splitlines()[0] == "walks：第1版 → 第2版"
    assert "Nobody" in run("move", "walks", "--by", LIN, "--yes", code=1)
    assert "已结束" in run("end", "walks", record_number, "--by", LIN, "--why", "搬家")


async def test_a_cohort_is_looked_at_enrolled_and_followed(record_number: str) -> None:
    query = "月龄 >= 0"
    tried = run("enrol-cohort", "postoperative", query, "--by", LIN, "--date", f"surgery={TODAY}", "--dry-run")
    assert "加入" in tried
    told = run("dry-run", "neonatal", "--cohort", query, "--by", LIN, "--days", "90")
    assert "个家庭" in told
    summed = json.loads(run("dry-run", "neonatal", "--cohort", query, "--by", LIN, "--days", "30", "--json"))
    assert summed["patients"] > 0 and summed["messages"] == sum(summed["by_day"].values())
    assert run("dry-run", "neonatal", "--patient", record_number, "--by", LIN)
    assert "needs --by" in run("dry-run", "neonatal", "--patient", record_number, code=1)


async def test_every_shipped_template_can_be_run_dry(record_number: str) -> None:
    for path in sorted(FOLDER.glob("*.yml")):
        told = run("dry-run", path.stem, "--days", "30")
        assert told.startswith("== 家属每次都回复"), path.stem
