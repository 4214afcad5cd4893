"""`careloop report …` on a small synthetic hospital, as an administrator and as a clinician."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.report_output import as_csv, as_xlsx
from bot.synthetic.plant import Planting, plant_hospital
from plans.measures.measure import Result
from plans.measures.period import Period
from plans.measures.report import MEASURES, Report
from plans.measures.words import definition, title
from records.database import Database

ZONE = ZoneInfo("Asia/Shanghai")
NURSE, TEAM = "syn-01-3", "新生儿科随访组（合成）"
EVIL = '=HYPERLINK("http://x","点我")'


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await plant_hospital(db, Planting(300, 365, 3, datetime.now(UTC), ZONE))
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def careloop(hospital: None) -> Callable[..., str]:
    import threading

    def call(*arguments: str) -> str:
        """Commands start a loop of their own, so each gets a thread."""
        results: list = []
        thread = threading.Thread(target=lambda: results.append(CliRunner().invoke(app, ["report", *arguments])))
        thread.start()
        thread.join()
        if results[0].exception is not None and not isinstance(results[0].exception, SystemExit):
            raise results[0].exception
        return results[0].output

    return call


def test_every_rate_stands_beside_its_numerator_and_denominator(careloop) -> None:
    printed = careloop()
    for id in MEASURES:
        assert title(id) in printed
    found = json.loads(careloop("--format", "json", "--by", "team", "--measure", "completion"))
    total, *teams = found["results"]
    assert total["value"] == total["numerator"] / total["denominator"] and total["group"] == {}
    assert sum(team["denominator"] for team in teams) == total["denominator"] and len(teams) > 5
    assert any(team["small"] for team in teams) and not total["small"]
    assert "小样本" in careloop("--by", "team", "--measure", "completion")


def test_a_clinician_sees_his_teams_alone(careloop) -> None:
    own = json.loads(careloop("--format", "json", "--by", "team", "--as", NURSE))
    assert {each["group"]["team"] for each in own["results"] if each["group"]} == {TEAM}
    with pytest.raises(ValueError, match="没有“nobody”这位在职医护"):
        careloop("--as", "nobody")


def test_the_platforms_two_tables(careloop) -> None:
    today = datetime.now(UTC).date()
    printed = careloop("platform", "--before-from", str(today - timedelta(days=200)), "--before-to", str(today - timedelta(days=100)))
    for words in (
        "一、运行情况",
        "二、满意度",
        "患者回访率",
        "日均互动患者数",
        "宣教内容匹配度",
        "医患沟通频率",
        "个性化提醒有效性",
        "对照期",
    ):
        assert words in printed


def test_what_cannot_be_done_is_said_in_a_sentence(careloop, tmp_path: Path) -> None:
    for arguments, words in {
        ("--by", "planet"): "不能按“planet”划分",
        ("--measure", "luck"): "没有“luck”这个指标",
        ("--format", "xlsx"): "需要用 --out",
        ("--from", "2026-03-02", "--to", "2026-03-01"): "结束日期早于开始日期",
    }.items():
        with pytest.raises(ValueError, match=words):
            careloop(*arguments)
    out = tmp_path / "there.csv"
    out.write_text("keep me")
    with pytest.raises(ValueError, match="不会覆盖"):
        careloop("--format", "csv", "--out", str(out))
    assert out.read_text() == "keep me"
    assert "不能按这些维度划分" in careloop("--by", "step")


def test_files_open_in_excel_with_figures_as_numbers(careloop, tmp_path: Path) -> None:
    careloop("--by", "department", "--measure", "completion", "--format", "xlsx", "--out", str(tmp_path / "march.xlsx"))
    book = openpyxl.load_workbook(tmp_path / "march.xlsx")
    sheet, notes = book["指标"], book["定义"]
    assert [cell.value for cell in sheet[1]] == ["科室", "指标", "数值", "单位", "分子", "分母", "人数", "90分位", "备注"]
    assert isinstance(sheet.cell(2, 3).value, float) and sheet.cell(2, 3).number_format == "0.0%"
    assert notes.cell(2, 1).value == title("completion") and notes.cell(2, 2).value == definition("completion")
    careloop("--measure", "completion", "--format", "csv", "--out", str(tmp_path / "march.csv"))
    assert (tmp_path / "march.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", [EVIL, "+1+1", "-2+3", "@SUM(A1)", "\tcmd"])
def test_no_name_becomes_a_formula(name: str) -> None:
    period = Period(date(2026, 3, 1), date(2026, 3, 31), ZONE)
    report = Report(period, ("team",), (Result("completion", {"team": name}, 1, 2, 0.5, 2, "percent"),), ())
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(report, EVIL)))["指标"]
    assert sheet.cell(2, 1).data_type == "s" and sheet.cell(2, 1).value == name
    row = list(csv.reader(io.StringIO(as_csv(report).decode("utf-8-sig"))))[1]
    assert row[0] == f"'{name}" and float(row[2]) == 0.5


def test_every_measure_and_every_word_is_defined() -> None:
    for id, measure in MEASURES.items():
        assert title(id) and ("÷" in definition(id) or measure.unit in ("hours", "minutes", "score", "share", "count"))
