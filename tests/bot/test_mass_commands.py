"""`careloop mass …` on a small synthetic hospital, as a clinician types it."""

import csv
import re
from pathlib import Path

import pytest

from bot import mass_commands as mass
from bot.registry import RegistryError
from plans.mass_message.errors import MassRefused
from tagging.cohort.words import CohortError
from tests.bot.test_cohort_commands import LIN, TEAM, hospital, said

__all__ = ["hospital", "said"]  # fixtures
TEXT = "{name}的家长：下周三门诊停诊一天。"


def drafted(said, query: str = "标签 早产儿") -> int:
    line = said(mass.draft_command, LIN, team=TEAM, title="停诊", text=TEXT, query=query, cohort=None, patients=None)
    assert line.endswith("停诊（草稿）")
    return int(re.findall(r"#(\d+)", line)[0])


def test_a_message_is_written_looked_at_submitted_and_cancelled(said, tmp_path: Path) -> None:
    number = drafted(said, "标签 早产儿 且 日龄 <= 60")
    preview = said(mass.preview_command, number, LIN)
    assert "范围：标签 早产儿 且 日龄 <= 60" in preview and "的家长：下周三门诊停诊一天。" in preview
    assert "已发给" in said(mass.test_command, number, LIN)
    submitted = said(mass.submit_command, number, LIN, at=None)
    families = int(submitted.rsplit(" ", 2)[-2])
    assert families > 0
    file = tmp_path / "results.csv"
    assert str(file) in said(mass.results_command, number, LIN, file=file)
    rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == families + 1 and {row[1] for row in rows[1:]} == {"等待"}
    assert "已取消" in said(mass.move_command, number, LIN, "cancel", "写错了")
    assert "未发送，已取消" in said(mass.show_command, number, LIN)
    assert f"#{number}" in said(mass.list_command, LIN)


def test_a_list_of_record_numbers_is_read_from_a_file(said, tmp_path: Path) -> None:
    from bot import cohort_commands

    found = said(cohort_commands.list_command, "标签 早产儿", LIN, after=0, limit=3)
    numbers = [re.split(r"\s+", line)[0] for line in found.splitlines()[:3]]
    file = tmp_path / "numbers.txt"
    file.write_text("\ufeff" + "\r\n".join(numbers), encoding="utf-8")
    line = said(mass.draft_command, LIN, team=TEAM, title="", text=TEXT, query=None, cohort=None, patients=file)
    number = int(re.findall(r"#(\d+)", line)[0])
    assert f"患者 {len(numbers)} 名" in said(mass.preview_command, number, LIN)


def test_what_is_not_theirs_or_cannot_be_meant_is_refused(said) -> None:
    number = drafted(said)
    with pytest.raises(MassRefused):
        said(mass.preview_command, number, "syn-02-1")
    with pytest.raises(CohortError):
        said(mass.draft_command, LIN, team=TEAM, title="", text=TEXT, query="标签 火星病", cohort=None, patients=None)
    with pytest.raises(MassRefused, match="只选一种"):
        said(mass.draft_command, LIN, team=TEAM, title="", text=TEXT, query=None, cohort=None, patients=None)
    with pytest.raises(RegistryError, match="moment"):
        said(mass.submit_command, number, LIN, at="明天")
    with pytest.raises(RegistryError, match="no clinician"):
        said(mass.list_command, "nobody")
