"""`careloop rule …` as clinicians type it: write, try, approve, see and take back."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import rule_commands as commands
from bot.adapt import Adapter
from plans.adaptation.loops import LoopError
from plans.adaptation.ready import RuleError
from plans.adaptation.undo import UndoRefused
from plans.authored import AuthoringError
from records.adaptation import AdaptationFiring
from records.database import Database
from records.patient import AccessRefused
from records.schema import Observation, Patient
from tests.plans.adaptation.given import ZONE, ward
from tests.plans.adaptation.test_rule import GOOD

NOW = datetime.now(UTC)
Said = Callable[..., str]


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child with a fever a week ago, of nurse Lin's team."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    async with db.transaction() as tx:
        team, _ = await ward(tx)
        patient = Patient(team_id=team, record_number="R1", name="小满", sex="F", birth_date=date(2023, 3, 1), tags=[])
        tx.add(patient)
        await tx.flush()
        at = NOW - timedelta(days=7)
        said = {"code": "temperature", "value": 38.6, "unit": "Cel", "text": "38.6", "status": "final"}
        tx.add(Observation(patient_id=patient.id, effective_at=at, recorded_at=at, **said))


@pytest.fixture
def said(hospital: None, capsys: pytest.CaptureFixture[str]) -> Said:
    def call(command: Callable[..., None], *given: object) -> str:
        """Commands start a loop of their own, so each gets a thread."""
        failed: list[BaseException] = []

        def run() -> None:
            try:
                command(*given)
            except BaseException as err:
                failed.append(err)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return capsys.readouterr().out.strip()

    return call


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    file = tmp_path / "hot.yml"
    file.write_text(GOOD, encoding="utf-8")
    return file


def test_a_file_is_checked_without_a_hospital(hot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands.check_command(hot)
    assert "1 条规则，2 个例子都通过了" in capsys.readouterr().out
    hot.write_text(GOOD.replace("37.2", "38.2"), encoding="utf-8")
    with pytest.raises(RuleError, match="例子“不热”"):
        commands.check_command(hot)
    hot.write_text(GOOD.replace("reading:", "readin:"), encoding="utf-8")
    with pytest.raises(AuthoringError, match="第 5 行"):
        commands.check_command(hot)


def test_a_circle_with_itself_is_told(hot: Path) -> None:
    text = GOOD
    for old, new in (
        ("on: {reading: 体温 >= 38 ℃}", "on: {tag_began: lives_far}"),
        ("errand: {text: 请联系家属}", "add_tag: lives_far"),
        ("event: {reading: {of: 体温, value: 38.2}}", "event: {tag_began: lives_far}"),
        ("errand rule", "add_tag lives_far"),
    ):
        text = text.replace(old, new)
    hot.write_text(text, encoding="utf-8")
    with pytest.raises(LoopError, match="hot → hot"):
        commands.check_command(hot)


def test_from_a_draft_to_what_it_did(said: Said, hot: Path, db: Database) -> None:
    assert "等待" not in said(commands.list_command)
    tried = said(commands.dry_run_command, hot, "30d", "linyue")
    assert "会触发 1 次，患者 1 人" in tried and "R1，发热：体温38.6℃" in tried
    assert "一位患者" in said(commands.dry_run_command, hot, "30d", "qinlan")
    assert "会触发 0 次" in said(commands.dry_run_command, hot, "2d", "")
    assert "hot 第1版" in said(commands.save_command, hot, "linyue")
    assert "hot  第1版  草稿，作者 linyue" in said(commands.list_command)
    with pytest.raises(RuleError, match="不能自己批准"):
        said(commands.activate_command, "hot", 1, "linyue")
    assert "已启用" in said(commands.activate_command, "hot", 1, "qinlan")
    assert "hot  第1版  发热  [本院]" in said(commands.list_command)
    assert said(commands.firings_command, "R1", "linyue", 20) == "还没有规则为这位患者触发过。"
    assert "已停用" in said(commands.retire_command, "hot", 1, "linyue")
    with pytest.raises(RuleError, match="没有账号"):
        said(commands.retire_command, "hot", 1, "nobody")


async def test_what_fired_is_told_and_taken_back(said: Said, hot: Path, db: Database) -> None:
    said(commands.save_command, hot, "linyue")
    said(commands.activate_command, "hot", 1, "qinlan")
    async with db.transaction() as tx:
        child = (await tx.scalars(select(Patient.id))).one()
        values = {"code": "temperature", "value": 38.7, "unit": "Cel", "text": "38.7", "status": "final"}
        tx.add(Observation(patient_id=child, effective_at=NOW, recorded_at=NOW, **values))
    await Adapter(db, lambda: NOW + timedelta(seconds=1), ZONE).run("heard")
    told = said(commands.firings_command, "R1", "linyue", 20)
    assert "发热（hot 第1版）" in told and "因为：体温38.7℃" in told and "所以：安排医护处理“请联系家属”" in told
    async with db.transaction() as tx:
        number = (await tx.scalars(select(AdaptationFiring.id))).one()
    with pytest.raises(AccessRefused):
        said(commands.firings_command, "R1", "qinlan", 20)
    assert said(commands.undo_command, number, "linyue", "已电话联系").startswith("已撤销：安排医护处理")
    with pytest.raises(UndoRefused, match="已经"):
        said(commands.undo_command, number, "linyue", "再来")
    assert "已撤销：" in said(commands.firings_command, "R1", "linyue", 20)
