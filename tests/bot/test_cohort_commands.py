"""`careloop cohort …` on a small synthetic hospital, as a clinician types it."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot import cohort_commands as commands
from bot.synthetic.plant import Planting, plant_hospital
from records.database import Database
from records.patient import AccessRefused
from tagging.cohort.saved import CohortRefused
from tagging.cohort.words import CohortError

NOW = datetime.now(UTC)
LIN, TEAM = "syn-01-3", "新生儿科随访组（合成）"


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await plant_hospital(db, Planting(200, 365, 3, NOW, ZoneInfo("Asia/Shanghai")))
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def said(hospital: None, capsys: pytest.CaptureFixture[str]):
    import threading

    def call(command, *given, **named) -> str:
        """Commands start a loop of their own, so each gets a thread."""
        failed: list[BaseException] = []

        def run() -> None:
            try:
                command(*given, **named)
            except BaseException as err:
                failed.append(err)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return capsys.readouterr().out.strip()

    return call


def test_count_list_and_save_agree(said) -> None:
    query = "标签 早产儿 且 日龄 <= 200"
    counted = int(said(commands.count_command, query, LIN).splitlines()[-1])
    assert counted > 0
    assert said(commands.count_command, '{"all": [{"tag": {"any": ["preterm"]}}, {"age": {"unit": "days", "le": 200}}]}', LIN) == (
        f"{query}\n{counted}"
    )
    listed = said(commands.list_command, query, LIN, after=0, limit=500)
    assert len(listed.splitlines()) == counted and "（合成）" in listed
    kept = said(commands.save_command, "早产", query, LIN, team=TEAM, shared=False)
    assert f"version 1: {counted} members" in kept
    number = int(re.findall(r"cohort (\d+)", kept)[0])
    assert said(commands.members_command, number, LIN, after=0, limit=500) == listed
    assert query in said(commands.saved_command, LIN)
    assert "has ended" in said(commands.end_command, number, LIN)
    assert said(commands.saved_command, LIN) == "No cohort is saved yet."


def test_explain_and_compare(said) -> None:
    query = "标签 早产儿 且 最近 体温 >= 39 ℃ 7天内"
    number = said(commands.list_command, "标签 早产儿", LIN, after=0, limit=1).split()[0]
    told = said(commands.explain_command, query, number, LIN)
    assert "符合  标签 早产儿" in told and "合成数据" in told
    first, both, second = said(commands.compare_command, "标签 早产儿", "非 标签 早产儿", LIN).splitlines()
    assert int(first.split()[-1]) > 0 and int(both.split()[-1]) == 0 and int(second.split()[-1]) > 0


def test_what_is_not_his_is_refused(said) -> None:
    number = said(commands.list_command, "性别 男 或 性别 女", "syn-02-1", after=0, limit=1).split()[0]
    with pytest.raises(AccessRefused):
        said(commands.explain_command, "性别 男", number, LIN)
    with pytest.raises(CohortRefused):
        said(commands.save_command, "别人的", "性别 男", "syn-02-1", team=TEAM, shared=False)
    with pytest.raises(CohortRefused, match="no clinician"):
        said(commands.count_command, "性别 男", "nobody")


def test_a_query_that_cannot_be_read_is_one_sentence(said) -> None:
    for query in ("标签 火星病", '{"sex": ', '{"sex": "F"', "{" * 100_000, '{"not":' * 5000):
        with pytest.raises(CohortError) as refused:
            said(commands.count_command, query, LIN)
        assert "\n" not in str(refused.value)
