"""`careloop content …` as editors and clinicians type it: from a file to a family, with every mistake named."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from bot import content_commands as commands
from bot.registry import NewPatient, RegistryError, register_patient, register_staff
from plans.authored import AuthoringError
from plans.content.words import ContentRefused
from records.database import Database
from records.patient import AccessRefused
from tests.plans.content.files import png

FILE = """code: ward-visit
title: 来病房前先看
body: 来病房前先洗手，感冒发烧请先别来。探视时间听护士安排。孩子喘不上气、叫不醒，请立即拨打120。
blocks:
- picture: {file: hands.png, caption: 洗手}
audience: {stage: {anchor: birth, first: 0, last: 365}, months: {max: 12}}
source: 本院护理部（R）
review_by: 2099-01-01
"""


@pytest.fixture
async def hospital(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    async with db.transaction() as tx:
        for userid, team in (("lin", "新生儿随访组"), ("he", "新生儿随访组"), ("qin", "血液随访组")):
            await register_staff(tx, userid, userid, title="护士", team=team, phone=None, tier=1)
        day = datetime.now(UTC).date()
        born = day - timedelta(days=20)
        child = NewPatient("R1", "小满", born, day, "F", 3200, 39, "wm1", "赵", "母亲", 9, "新生儿随访组", "neonatal")
        await register_patient(tx, child, now=datetime.now(UTC), zone=ZoneInfo("Asia/Shanghai"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    (tmp_path / "hands.png").write_bytes(png())
    (tmp_path / "ward.yml").write_text(FILE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def said(hospital: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(command: Callable[..., None], *given: object, **named: object) -> str:
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


def test_from_a_file_to_a_family(said: Callable[..., str], hospital: Path) -> None:
    assert said(commands.import_command, hospital / "ward.yml", "lin", team=None).startswith("ward-visit  v1  draft  reading level")
    with pytest.raises(ContentRefused, match="必须由另一个人"):
        said(commands.review_command, "ward-visit", "lin", back=None, note="")
    with pytest.raises(ContentRefused, match="原因"):
        said(commands.review_command, "ward-visit", "he", back="", note="")
    assert "draft" in said(commands.review_command, "ward-visit", "he", back="请补充来源", note="")
    assert "reviewed by he" in said(commands.review_command, "ward-visit", "he", back=None, note="")
    assert "is published" in said(commands.publish_command, "ward-visit", "he")
    shown = said(commands.show_command, "ward-visit", "lin", version=None)
    assert "draft → draft  he  请补充来源" in shown and "draft → reviewed  he" in shown and "[body] 来病房前先洗手" in shown
    assert "ward-visit" in said(commands.match_command, "R1", "lin", limit=30)
    assert said(commands.push_command, "ward-visit", "R1", "lin", because="门诊时问过", again=False) == "ward-visit for R1: waiting"
    with pytest.raises(AccessRefused):
        said(commands.push_command, "ward-visit", "R1", "qin", because="x", again=False)
    assert "pushes of ward-visit: 1 waiting" in said(commands.stats_command, "lin", code=None, as_csv=False)
    assert "withdrawn" in said(commands.expire_command, "ward-visit", "lin", reason="时间有误", wrong=True)
    assert "refused" in said(commands.push_command, "ward-visit", "R1", "he", because="x", again=False)


def test_a_mistake_leaves_nothing(said: Callable[..., str], hospital: Path) -> None:
    (hospital / "two.yml").write_text(
        f"contents:\n- {FILE.strip().replace(chr(10), chr(10) + '  ')}\n- code: x\n  titel: y\n", encoding="utf-8"
    )
    with pytest.raises(AuthoringError, match=r"第 11 行，第 3 列，“\[x\].titel”：没有这个字段"):
        said(commands.import_command, hospital / "two.yml", "lin", team=None)
    assert "ward-visit" not in said(commands.list_command, "lin", state=None, team=None)


def test_a_team_s_own_is_nobody_else_s(said: Callable[..., str], hospital: Path) -> None:
    said(commands.import_command, hospital / "ward.yml", "lin", team="新生儿随访组")
    assert "ward-visit" in said(commands.list_command, "he", state="draft", team="新生儿随访组")
    assert "ward-visit" not in said(commands.list_command, "qin", state=None, team=None)
    for command, given in (
        (commands.show_command, {"version": None}),
        (commands.review_command, {"back": None, "note": ""}),
        (commands.drop_command, {"reason": "x"}),
    ):
        with pytest.raises(ContentRefused, match="别的科室"):
            said(command, "ward-visit", "qin", **given)
    assert "dropped" in said(commands.drop_command, "ward-visit", "lin", reason="不写了")
    with pytest.raises(RegistryError):
        said(commands.list_command, "nobody", state=None, team=None)


def test_what_is_exported_comes_with_its_pictures_and_goes_in_again(said: Callable[..., str], hospital: Path) -> None:
    said(commands.import_command, hospital / "ward.yml", "lin", team=None)
    away = hospital / "away"
    away.mkdir()
    told = said(commands.export_command, away / "out.yml", "lin", codes=["ward-visit", "cord-care"])
    assert told == f"2 contents in {away / 'out.yml'}, 1 files beside it"
    assert (away / "hands.png").read_bytes() == png()
    text = (away / "out.yml").read_text(encoding="utf-8")
    assert [each["code"] for each in yaml.safe_load(text)["contents"]] == ["cord-care", "ward-visit"]
    (away / "out.yml").write_text(text.replace("脐带护理", "脐带怎么护"), encoding="utf-8")
    assert "cord-care  v2  draft" in said(commands.import_command, away / "out.yml", "he", team=None)
    assert "cord-care" in said(commands.due_command, "lin", days=3650)


def test_the_shipped_contents_are_there_from_the_first_command(said: Callable[..., str]) -> None:
    listed = said(commands.list_command, "lin", state="published", team=None).splitlines()
    assert len(listed) > 80 and all("needs clinician review" in line for line in listed)
    assert said(commands.answers_command, None, "lin") == "Nothing."
