"""Cohorts on pages: put together by clicks or in words, counted at once, kept, compared; other teams' are as if there were none."""

import csv
import io
import re

import pytest
from sqlalchemy import select

from records.cohort import Cohort
from records.patient import ReadAudit
from records.patient_index import refresh_index
from records.refusal import AccessRefusal
from records.tag import PatientTag, Tag
from tagging.cohort.rows import Row
from tests.console.stage import NOW, ZONE, Client, Stage

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """朵朵 is preterm; what cohorts look at is ready."""
    patients = [await stage.patient(number) for number in ("D0001", "D0002", "R0001")]
    async with stage.db.transaction() as tx:
        tag = await tx.scalar(select(Tag).where(Tag.code == "preterm"))
        if tag is None:
            tag = Tag(code="preterm", name="早产儿", kind="clinical", shared=True, meaning="37周前出生", updated_at=NOW)
            tx.add(tag)
            await tx.flush()
        tx.add(PatientTag(patient_id=patients[0], tag_id=tag.id, source="his", author="test", since=NOW, evidence_at=NOW))
        await tx.flush()
        await refresh_index(tx, patients, now=NOW, zone=ZONE)
    return stage


def rows_form(*rows: Row, **more: str) -> list[tuple[str, str]]:
    """The builder's rows as a browser posts them."""
    fields = [(name, str(value)) for row in rows for name, value in vars(row).items()]
    return [*fields, *(("was", f"{row.field} ") for row in rows), ("by", "rows"), *more.items()]


async def drafted(client: Client, *rows: Row, **more: str) -> str:
    answer = await client.post("/cohorts/draft", rows_form(*rows, **more))
    assert answer.status == 200
    return await answer.text()


def counted(page: str) -> int:
    found = re.search(r'data-count="(\d+)"', page)
    assert found, page
    return int(found[1])


async def kept(client: Client, name: str, text: str, **more: str) -> int:
    assert client.seat is not None
    answer = await client.post("/cohorts", name=name, text=text, team=str(next(iter(client.seat.teams))), **more)
    assert answer.status == 303, await answer.text()
    return int(re.search(r"/cohorts/(\d+)", answer.headers["Location"])[1])  # type: ignore[index]


async def test_rows_become_text_and_are_counted_among_ones_own_patients(stage: Stage) -> None:
    lin = await stage.client("linyue")
    page = await drafted(lin, Row(field="age_years", op="<", value="9"))
    assert counted(page) == 2 and "年龄 &lt; 9</textarea>" in page
    page = await drafted(lin, Row(value="早产儿"), Row("and", field="age_months", op="..", value="3", value2="12"))
    assert counted(page) == 1 and "标签 早产儿\n且 月龄 3..12</textarea>" in page
    qin = await stage.client("qinlan")
    assert counted(await drafted(qin, Row(value="早产儿"))) == 0


async def test_text_becomes_rows(stage: Stage) -> None:
    lin = await stage.client("linyue")
    answer = await lin.post("/cohorts/draft", by="text", text="(标签 早产儿 或 性别 男) 且 年龄 < 2")
    page = await answer.text()
    assert counted(page) == 2
    assert page.count("<li") == 3 and 'value="早产儿"' in page and '<option value="(" selected>（' in page


async def test_a_mistake_is_told_with_line_and_column(stage: Stage) -> None:
    lin = await stage.client("linyue")
    page = await (await lin.post("/cohorts/draft", by="text", text="标签 早产儿\n且 月龄 七")).text()
    assert "第2行第6列：这里应为比较" in page
    page = await drafted(lin, Row(value="早产儿"), Row("and", value="没有的标签"))
    assert "第2行第6列：没有“没有的标签”这个标签" in page
    assert HOSTILE not in await (await lin.post("/cohorts/draft", by="text", text=HOSTILE)).text()


async def test_rows_are_added_removed_and_begin_anew_with_another_field(stage: Stage) -> None:
    lin = await stage.client("linyue")
    assert (await drafted(lin, Row(value="早产儿"), do="add")).count("<li") == 2
    assert (await drafted(lin, Row(value="早产儿"), Row("and", field="sex", op="male"), do="remove:1")).count("<li") == 1
    changed = [(name, "sex" if name == "field" else value) for name, value in rows_form(Row(value="早产儿"))]
    page = await (await lin.post("/cohorts/draft", changed)).text()
    assert 'name="value2"' in await drafted(lin, Row(field="age_months", op="..", value="3"))
    assert "性别 男</textarea>" in page and 'value="早产儿"' not in page.split("<datalist")[0]


async def test_a_cohort_is_kept_changed_and_its_versions_stay(stage: Stage) -> None:
    lin = await stage.client("linyue")
    cohort = await kept(lin, "早产随访", "标签 早产儿")
    page = await lin.text(f"/cohorts/{cohort}")
    assert "朵朵" in page and "小宇" not in page and "果果" not in page
    assert "早产随访" in await lin.text("/cohorts")
    team = str(next(iter(lin.seat.teams)))  # type: ignore[union-attr]
    again = await lin.post("/cohorts", name="早产随访", text="性别 男", team=team)
    assert again.status == 422 and "已有名为“早产随访”的人群" in await again.text()
    edit = await lin.text(f"/cohorts/{cohort}/edit")
    assert "标签 早产儿</textarea>" in edit
    await kept(lin, "", "标签 早产儿 或 性别 男", id=str(cohort), version="1")
    stale = await lin.post("/cohorts", id=str(cohort), version="1", team=team, text="性别 女")
    assert stale.status == 422 and "第2版" in await stale.text()
    history = await lin.text(f"/cohorts/{cohort}/history")
    assert "增加：或 性别 男" in history and "林悦" in history
    assert "小宇" in await lin.text(f"/cohorts/{cohort}")
    assert "标签 早产儿</textarea>" in await lin.text(f"/cohorts/{cohort}/edit?version=1")
    await lin.post(f"/cohorts/{cohort}/end")
    assert "早产随访" not in await lin.text("/cohorts")


async def test_why_somebody_is_in_it(stage: Stage) -> None:
    lin = await stage.client("linyue")
    cohort = await kept(lin, "早产", "标签 早产儿 且 月龄 < 12")
    page = await lin.text(f"/cohorts/{cohort}/why/{await stage.patient('D0001')}")
    assert "在里面" in page and "出生于2025-08-01" in page
    page = await lin.text(f"/cohorts/{cohort}/why/{await stage.patient('D0002')}")
    assert "不在里面" in page and "没有这些标签" in page
    page = await (await lin.post("/cohorts/draft/why", text="性别 男", record_number="d 0002")).text()
    assert "小宇" in page and "符合" in page
    page = await (await lin.post("/cohorts/draft/who", text="性别 男")).text()
    assert "小宇" in page and "果果" not in page


async def test_two_cohorts_are_compared(stage: Stage) -> None:
    lin = await stage.client("linyue")
    a, b = await kept(lin, "早产", "标签 早产儿"), await kept(lin, "婴儿", "年龄 < 1")
    page = await lin.text(f"/cohorts/compare?a={a}&b={b}&part=second")
    assert "小宇" in page and "朵朵" not in page
    assert [int(each) for each in re.findall(r'class="num">(\d+)<', page)] == [1, 0, 1]


async def test_whoever_is_shown_or_exported_has_been_read(stage: Stage) -> None:
    zhang = await stage.client("zhangwei")
    cohort = await kept(zhang, "都要", "年龄 < 9")
    answer = await zhang.get(f"/cohorts/{cohort}/export")
    rows = list(csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
    assert [row[1] for row in rows] == ["姓名", "朵朵", "小宇"] and rows[1][4] == "早产儿"
    async with stage.db.transaction() as tx:
        read = (await tx.scalars(select(ReadAudit.patient_id))).all()
    assert sorted(read) == sorted([await stage.patient("D0001"), await stage.patient("D0002")])


async def test_another_team_finds_nothing_of_it(stage: Stage) -> None:
    lin, qin = await stage.client("linyue"), await stage.client("qinlan")
    cohort = await kept(lin, "早产", "标签 早产儿")
    duo = await stage.patient("D0001")
    own = await kept(qin, "都要", "年龄 < 9")
    paths = [f"/cohorts/{cohort}{each}" for each in ("", "/edit", "/history", f"/why/{duo}")]
    paths += [f"/cohorts/{own}/why/{duo}", f"/cohorts/compare?a={own}&b={cohort}", "/cohorts/999999"]
    for path in paths:
        assert (await qin.get(path)).status == 404, path
    team = str(next(iter(lin.seat.teams)))  # type: ignore[union-attr]
    posts: list[tuple[str, dict[str, str]]] = [
        (f"/cohorts/{cohort}/end", {}),
        ("/cohorts", {"id": str(cohort), "version": "1", "team": team, "text": "性别 男"}),
        ("/cohorts", {"name": "混进来", "team": team, "text": "性别 男"}),
        ("/cohorts/draft/why", {"text": "性别 女", "record_number": "D0001"}),
        ("/cohorts/draft/why", {"text": "性别 女", "record_number": "X9999"}),
    ]
    for path, form in posts:
        assert (await qin.post(path, **form)).status == 404, path
    assert "早产" not in (await qin.text("/cohorts")).split("<main")[1]
    assert "朵朵" not in await (await qin.post("/cohorts/draft/who", text="年龄 < 9")).text()
    async with stage.db.transaction() as tx:
        refused = (await tx.scalars(select(AccessRefusal.why))).all()
        assert await tx.scalar(select(Cohort.version).where(Cohort.id == cohort)) == 1
    assert refused == ["access_refused"] * (len(paths) + len(posts))


async def test_a_shared_cohort_shows_each_team_its_own(stage: Stage) -> None:
    lin, qin = await stage.client("linyue"), await stage.client("qinlan")
    cohort = await kept(lin, "小于九岁", "年龄 < 9", shared="1")
    page = await qin.text(f"/cohorts/{cohort}")
    assert "果果" in page and "朵朵" not in page
    assert (await qin.get(f"/cohorts/{cohort}/edit")).status == 404
    assert (await lin.get(f"/cohorts/{cohort}/export")).status == 403


async def test_without_the_right_nothing_is_kept(stage: Stage) -> None:
    admin = await stage.client("admin")
    assert (await admin.get("/cohorts")).status == 403
    assert (await admin.post("/cohorts", name="x", text="性别 男", team="1")).status == 403
