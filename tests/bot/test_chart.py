"""Visits, medicines and results by hand: the good rows kept, every other one named, the same file twice without effect."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from bot.chart import Report, import_table, show, told
from bot.chart_file import Kind, columns_of, ignored
from bot.registry import RegistryError
from integrations.tabular.read import FileRefused, table_of
from records.appointment import Appointment
from records.database import Database
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.patient import Patient
from records.staff import Team
from records.state import StateChange
from tests.bot.test_cli import careloop

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
VISITS = """病历号,姓名,就诊时间,科室,地点,医生,准备事项,空腹,状态,预约号
ZY-1,小满,2026-03-09 09:00,新生儿科,门诊3楼2诊室,何敏,带疫苗本,否,已预约,A1
ZY-2,豆豆,2026/3/10 14:30,眼科,,,,,,A2
"""


@pytest.fixture
async def children(db: Database) -> Database:
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        tx.add(team)
        await tx.flush()
        for number, name in (("ZY-1", "小满"), ("ZY-2", "豆豆")):
            tx.add(Patient(team_id=team.id, record_number=number, name=name, birth_date=date(2026, 2, 20), tags=[]))
    return db


async def take(db: Database, text: str, kind: Kind = "appointments", *, now: datetime = NOW) -> Report:
    async with db.transaction() as tx:
        return await import_table(tx, kind, table_of(text.encode()), now=now, zone=ZONE)


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.count("new"), report.count("changed"), report.count("same"), len(report.refused)


async def all_of(db: Database, table: type) -> list:
    async with db.transaction() as tx:
        return list(await tx.scalars(select(table).order_by(table.id)))


async def test_visits_come_in_and_the_same_file_twice_changes_nothing(children: Database) -> None:
    assert counts(await take(children, VISITS)) == (2, 0, 0, 0)
    first, second = await all_of(children, Appointment)
    assert (first.starts_at, first.department, first.place, first.doctor) == (
        datetime(2026, 3, 9, 1, 0, tzinfo=UTC), "新生儿科", "门诊3楼2诊室", "何敏",
    )  # fmt: skip
    assert (first.prepare, first.fasting, first.status, first.source_id) == ("带疫苗本", False, "booked", "A1")
    assert (second.place, second.fasting, second.status) == (None, None, "booked")
    assert counts(await take(children, VISITS, now=NOW.replace(hour=9))) == (0, 0, 2, 0)
    assert [row.updated_at for row in await all_of(children, Appointment)] == [NOW, NOW]


async def test_a_visit_that_is_put_off_or_cancelled_is_changed_by_its_number(children: Database) -> None:
    await take(children, VISITS)
    assert counts(await take(children, VISITS.replace("2026-03-09 09:00", "2026-03-11 10:00").replace("已预约", "取消"))) == (0, 1, 1, 0)
    first, _ = await all_of(children, Appointment)
    assert (first.status, first.starts_at) == ("cancelled", datetime(2026, 3, 11, 2, 0, tzinfo=UTC))
    async with children.transaction() as tx:
        [change] = await tx.scalars(select(StateChange).where(StateChange.entity == "appointment"))
    assert (change.old, change.new, change.by) == ("booked", "cancelled", "command line")


async def test_rows_without_a_number_are_known_by_what_they_say(children: Database) -> None:
    bare = "住院号,就诊日期,时段,科室\nZY1,2026年3月9日,上午,骨科\n"
    assert counts(await take(children, bare)) == (1, 0, 0, 0)
    assert counts(await take(children, bare + "ZY-1,2026-03-09,上午,骨科\n")) == (0, 0, 2, 0)
    [visit] = await all_of(children, Appointment)
    assert (visit.time_text, visit.starts_at) == ("上午", datetime(2026, 3, 8, 16, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("ZY-9,小满,2026-03-09 09:00,眼科,A3", "没有病历号ZY-9"),
        (",小满,2026-03-09 09:00,眼科,A3", "没有填“病历号”"),
        ("ZY-1,豆豆,2026-03-09 09:00,眼科,A3", "姓名和档案里的不一致"),
        ("ZY-1,小满,,眼科,A3", "没有填“就诊时间”"),
        ("ZY-1,小满,2026-02-30 09:00,眼科,A3", "不是能认的日期"),
        ("ZY-1,小满,3月9日,眼科,A3", "不是能认的日期"),
        ("ZY-1,小满,26/3/9 9:00,眼科,A3", "不是能认的日期"),
        ("ZY-1,小满,2026-3-19:00,眼科,A3", "不是能认的日期"),
        ("ZY-1,小满,2026111,眼科,A3", "不是能认的日期"),
        ("ZY-1,小满,46090.375,眼科,A3", "不是能认的日期"),
        ("ZY-1,小满,2206-03-09 09:00,眼科,A3", "离现在太远"),
        ("ZY-1,小满,2026-03-09,眼科,A3", "只有日期"),
        ("ZY-1,小满,2026-03-09 09:00,,A3", "没有填“科室”"),
        ("ZY-1,小满,2026-03-09 09:00,=1+1,A3", "公式"),
        ("ZY-1", "没有填"),
        ("ZY-2,豆豆,2026-03-09 09:00,眼科,A1", "另一个孩子"),
        ("ZY-1,小满,2026-03-09 09:00,眼科,B1", "和第2行是同一条"),
        ("ZY-1,小满,2026-03-09 09:00,眼科,A3,多出来", "格子比列名多"),
    ],
)
async def test_a_bad_row_is_named_with_its_reason_and_the_good_ones_are_kept(children: Database, row: str, why: str) -> None:
    await take(children, VISITS)
    header, good = "病历号,姓名,就诊时间,科室,预约号\n", "2026-03-12 08:00,内科"
    report = await take(children, f"{header}ZY-1,小满,{good},B1\n{row}\nZY-2,豆豆,{good},B2\n")
    assert [(line, why in reason) for line, reason in report.refused] == [(3, True)], report.refused
    assert counts(report) == (2, 0, 0, 1)
    assert len(await all_of(children, Appointment)) == 4


async def test_a_file_without_a_needed_column_is_refused_by_name(children: Database) -> None:
    with pytest.raises(FileRefused) as refused:
        await take(children, "病历号,科室\nZY-1,眼科\n")
    assert (refused.value.code, refused.value.detail) == ("columns", {"columns": "就诊时间"})
    with pytest.raises(FileRefused) as refused:
        await take(children, "病历号,住院号,就诊时间,科室\n")
    assert refused.value.code == "same"


async def test_medicines_are_kept_word_for_word(children: Database) -> None:
    report = await take(
        children,
        "病历号,药品名称,每次用量,频次,用药时间,用法,与餐关系,开始日期,结束日期,备注,医嘱号\n"
        "ZY-1,维生素D滴剂(400单位),1粒,每日1次,8:00,口服,随奶,2026-03-01,,剪开囊口滴入口中,M1\n"
        "ZY-1,布洛芬混悬液,2.5ml,必要时,,口服,,2026-03-01,2026-03-05,,M2\n"
        "ZY-1,头孢克洛,半包,每日3次,早中晚,口服,,,,,M3\n"
        "ZY-1,阿莫西林,1包,,,,,2026-03-05,2026-03-01,,M4\n",
        "medications",
    )
    assert [line for line, _ in report.refused] == [4, 5]
    assert "不是钟点" in report.refused[0][1] and "早于开始" in report.refused[1][1]
    vitamin, ibuprofen = await all_of(children, MedicationRequest)
    assert (vitamin.name, vitamin.dose, vitamin.times) == ("维生素D滴剂(400单位)", "1粒", ["08:00"])
    assert (vitamin.starts_on, vitamin.ends_on, vitamin.status) == (date(2026, 3, 1), None, "active")
    assert (ibuprofen.frequency, ibuprofen.times) == ("必要时", [])


async def test_results_keep_their_words_and_what_is_not_released_is_marked(children: Database) -> None:
    header = "病历号,报告,项目,结果,单位,参考范围,标志,采样时间,发布时间\n"
    rows = (
        "ZY-1,血常规,白细胞,12.30,10^9/L,4.0-10.0,↑,2026-03-01 08:00,2026-03-01 15:00\n"
        "ZY-1,血常规,C反应蛋白,<0.5,mg/L,0-8,,2026-03-01 08:00,2026-03-01 15:00\n"
        "ZY-1,血培养,结果,阴性,,,正常,2026-03-01 08:00,\n"
    )
    report = await take(children, header + rows + "ZY-1,尿常规,蛋白,+,,,很高,2026-03-01 08:00,\n", "results")
    assert counts(report) == (3, 0, 0, 1)
    assert "认不出" in report.refused[0][1]
    white, crp, culture = await all_of(children, LabResult)
    assert (white.text, white.value, white.flag) == ("12.30", 12.3, "H")
    assert (crp.text, crp.value, crp.flag) == ("<0.5", None, None)
    assert (culture.released_at, culture.flag) == (None, "N")
    async with children.transaction() as tx:
        shown = await show(tx, "zy 1", now=NOW, zone=ZONE)
    assert "12.30" in shown and "未发布，家属看不到" in shown
    # Taken back: released no more.
    assert counts(await take(children, header + rows.replace("2026-03-01 15:00", ""), "results")) == (0, 2, 1, 0)


async def test_hostile_words_are_only_words(children: Database) -> None:
    name = "'); drop table patient; --"
    assert counts(await take(children, f'病历号,就诊时间,科室\nZY-1,2026-03-09 09:00,"{name}"\n')) == (1, 0, 0, 0)
    assert counts(await take(children, f'病历号,就诊时间,科室\n"{name}",2026-03-09 09:00,眼科\n')) == (0, 0, 0, 1)
    async with children.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Patient)) == 2
    assert [visit.department for visit in await all_of(children, Appointment)] == [name]


async def test_more_rows_than_are_looked_up_at_once(children: Database) -> None:
    rows = "".join(f"ZY-{1 + n % 2},2026-04-{1 + n % 28:02} {8 + n % 9:02}:{n % 60:02},科室{n}\n" for n in range(1200))
    text = "病历号,就诊时间,科室\n" + rows
    assert counts(await take(children, text)) == (1200, 0, 0, 0)
    assert counts(await take(children, text)) == (0, 0, 1200, 0)


async def test_what_is_told_of_a_file(children: Database) -> None:
    table = table_of((VISITS.replace("预约号", "预约号,电话") + "ZY-3,,,,,,,,,\n").encode())
    assert set(columns_of("appointments", table)) >= {"record_number", "starts_at", "department", "source_id"}
    async with children.transaction() as tx:
        report = await import_table(tx, "appointments", table, now=NOW, zone=ZONE)
    lines = told(report, "a.csv", table, ignored("appointments", table), dry_run=True)
    assert lines[0] == "a.csv：3行"
    assert "没有用到的列：电话" in lines[1]
    assert "第2行：新增 小满 2026-03-09 09:00 新生儿科" in lines[2]
    assert "第4行：没有填“就诊时间”" in lines[4]
    assert "什么都没写入：会新增2条，更新0条，不变0条，不收1行" in lines[5]
    assert told(report, "a.csv", table, [], dry_run=False)[-1] == "已写入：新增2条，更新0条，不变0条；没收1行"


async def test_the_command_line_previews_imports_and_shows(children: Database, tmp_path: Path) -> None:
    file = tmp_path / "visits.csv"
    file.write_bytes((VISITS + "ZY-9,,2026-03-09 09:00,眼科,,,,,,A9\n").encode("gb18030"))

    def run(*arguments: str):
        return careloop("chart", *arguments, CARELOOP_DATABASE_URL=children.url)

    preview = run("import", f"{file}", "--kind", "appointments", "--dry-run")
    assert (preview.returncode, "什么都没写入" in preview.stdout) == (1, True), preview.stderr
    assert await all_of(children, Appointment) == []
    done = run("import", f"{file}", "--kind", "appointments")
    assert (done.returncode, "已写入：新增2条" in done.stdout, "第4行" in done.stdout) == (1, True, True)
    assert "新生儿科" in run("show", "ZY-1").stdout
    (tmp_path / "visits.xlsx").write_bytes(b"PK\x03\x04")
    refused = run("import", f"{tmp_path / 'visits.xlsx'}", "--kind", "appointments")
    assert (refused.returncode, "另存为" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    assert "no patient" in run("show", "ZY-404").stderr


async def test_nobody_is_shown_by_half_a_number(children: Database) -> None:
    async with children.transaction() as tx:
        with pytest.raises(RegistryError):
            await show(tx, "ZY", now=NOW, zone=ZONE)
