"""A table by hand: good rows reach the record, bad ones are told, and nothing is done twice."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from sqlalchemy import func, select

from bot.intake.feeds import Feed, add_feed, as_feed
from bot.intake.table_import import Report, import_table, told
from integrations.rows.mapping import MappingError
from integrations.tabular.read import FileRefused, table_of
from records.database import Database
from records.lab_result import LabResult
from records.patient import Patient
from records.staff import Team
from tests.integrations.tabular.test_workbook import workbook

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
PATIENTS = """
event: patient
key: 病历号
person:
  identifiers: [{system: record-number, column: 病历号}]
  name: 姓名
  sex: 性别
  birth_date: 出生日期
  phones: 电话
"""
RESULTS = """
event: observed
key: [病历号, 报告号, 项目]
person:
  identifiers: [{system: record-number, column: 病历号}]
  name: 姓名
fields: {text: 项目, value: 结果, unit: 单位, report: 报告, effective_at: 采样时间, released_at: 发布时间}
"""
HEAD = "病历号,姓名,性别,出生日期,电话\n"
FAMILIES = HEAD + "ZY001,周安安,女,2024-05-06,13800001234\nZY002,吴乐乐,男,20230105,13900001234\n"


@pytest.fixture
async def hospital(db: Database) -> Database:
    async with db.transaction() as tx:
        tx.add(Team(name="血液科"))
    return db


async def feed(db: Database, mapping: str, name: str = "csv") -> Feed:
    async with db.transaction() as tx:
        team = await tx.scalar(select(Team.name))
        settings: dict[str, Any] = {"mapping": yaml.safe_load(mapping), "team": team, "strong": ["record-number"], "creates": True}
        return as_feed(await add_feed(tx, name, "tabular", settings, now=NOW))


async def bring(db: Database, feed: Feed, data: str | bytes, *, dry_run: bool = False) -> Report:
    table = table_of(data if isinstance(data, bytes) else data.encode("gb18030"))
    return await import_table(db, feed, table, dry_run=dry_run, clock=lambda: NOW, zone=ZONE)


async def patients(db: Database) -> list[tuple[str, str | None, date]]:
    async with db.transaction() as tx:
        return [(each.name, each.sex, each.birth_date) for each in await tx.scalars(select(Patient).order_by(Patient.id))]


async def test_patients_of_a_table_are_put_on_file_once(hospital: Database) -> None:
    csv = await feed(hospital, PATIENTS)
    first = await bring(hospital, csv, FAMILIES)
    again = await bring(hospital, csv, FAMILIES)
    assert (first.taken, first.refused, again.taken) == (2, [], 2)
    assert await patients(hospital) == [("周安安", "F", date(2024, 5, 6)), ("吴乐乐", "M", date(2023, 1, 5))]


async def test_a_dry_run_tells_the_same_and_writes_nothing(hospital: Database) -> None:
    csv = await feed(hospital, PATIENTS)
    data = FAMILIES + "ZY003,郑小满,女,五月六日,13700001234\n,王一一,女,2024-05-06,\n"
    tried = await bring(hospital, csv, data, dry_run=True)
    assert await patients(hospital) == []
    done = await bring(hospital, csv, data)
    assert tried == done and [line for line, _ in done.refused] == [4, 5]
    assert told(tried, dry_run=True).splitlines() == [
        "第4行没有导入：“出生日期”不是能认出的日期，请写成2026-03-09",
        "第5行没有导入：“病历号”是空的",
        "试导入：共4行，可以导入2行，不能导入2行。什么都没有写入。",
    ]


async def test_results_come_from_a_workbook_too(hospital: Database) -> None:
    await bring(hospital, await feed(hospital, PATIENTS), FAMILIES)
    header = ("病历号", "姓名", "报告号", "报告", "项目", "结果", "单位", "采样时间", "发布时间")
    row = ("ZY001", "周安安", "R1", "血常规", "血红蛋白", 98, "g/L", datetime.fromisoformat("2026-03-01T07:30"), None)
    report = await bring(hospital, await feed(hospital, RESULTS, "lab"), workbook(header, row))
    assert (report.taken, report.refused) == (1, [])
    async with hospital.transaction() as tx:
        [result] = await tx.scalars(select(LabResult))
    assert (result.item, result.text, result.released_at) == ("血红蛋白", "98", None)


async def test_another_name_under_the_same_number_is_asked_about_and_not_taken(hospital: Database) -> None:
    csv = await feed(hospital, PATIENTS)
    await bring(hospital, csv, FAMILIES)
    report = await bring(hospital, csv, HEAD + "ZY001,钱多多,女,2024-05-06,13800001234\n")
    assert report.taken == 0 and "已交人工确认" in report.refused[0][1]
    assert [name for name, _, _ in await patients(hospital)] == ["周安安", "吴乐乐"]


async def test_cells_of_a_hostile_table_stay_text(hospital: Database) -> None:
    csv = await feed(hospital, PATIENTS)
    report = await bring(hospital, csv, HEAD + "ZY009,'); drop table patient; --,女,2024-05-06,\nZY010,=cmd|' /C calc'!A0,女,2024-05-06,\n")
    assert report.taken == 1 and "公式" in report.refused[0][1]
    async with hospital.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Patient)) == 1


async def test_a_table_without_the_columns_of_the_mapping_is_refused(hospital: Database) -> None:
    with pytest.raises(FileRefused) as refused:
        await bring(hospital, await feed(hospital, PATIENTS), "病历号,姓名\nZY001,周安安\n")
    assert refused.value.detail == {"columns": "出生日期、性别、电话"}


async def test_a_feed_without_a_mapping_says_so(hospital: Database) -> None:
    with pytest.raises(MappingError):
        await bring(hospital, await feed(hospital, "{}"), FAMILIES)
