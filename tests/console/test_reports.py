"""The reports: the numbers of small data counted by hand, their Excel files, who sees whose, and the page as it is read."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import date
from html.parser import HTMLParser

import openpyxl
import pytest
from playwright.async_api import expect
from sqlalchemy import select

from console.reports.kept import KEPT_FOR, REPORTS_KEPT
from console.reports.span import Span, asked, last_whole
from console.shelf import Kept, Memory, Shelf
from records.patient_index import refresh_index
from records.refusal import AccessRefusal
from tests.console.browser import OpenPage, assert_accessible, keep_screenshot
from tests.console.reports_stage import CENTRE, LUNGS, hospital_of, plant_month
from tests.console.stage import ZONE, Stage
from tests.plans.measures.conftest import APRIL, local

MARCH = "from=2026-03-01&to=2026-03-31"
SECTIONS = ("", "/follow-ups", "/alerts", "/content", "/assistant", "/staff")


class Tables(HTMLParser):
    """The tables of a page by the id of their section: rows of cells as they are read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._code, self._cell = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section" and given.get("id"):
            self._code = str(given["id"])
        elif tag == "tr":
            self.found.setdefault(self._code, []).append([])
        elif tag in ("td", "th"):
            self.found[self._code][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell and data.strip():
            row = self.found[self._code][-1]
            row[-1] = f"{row[-1]} {data.strip()}".strip()


@pytest.fixture
async def small(stage: Stage) -> AsyncIterator[Stage]:
    """随访中心 with two children in March, 呼吸科 with one: few enough to count."""
    async with stage.db.transaction() as tx:
        hospital = await hospital_of(tx, stage)
        baby, second = await hospital.patient(CENTRE), await hospital.patient(CENTRE)
        other = await hospital.patient(LUNGS, plan="vaccination")
        await hospital.task(baby, 3, "done", answered_after=1)
        await hospital.task(baby, 4, "missed")
        await hospital.task(second, 3, "undeliverable")
        await hospital.task(second, 5, "partial", answered_after=60)
        await hospital.task(other, 3, "done", answered_after=1, hour=18)
        await hospital.task(baby, 20, "done", month=2)
        taken = await hospital.alert(baby, "urgent", local(3), taken=10, closed=130)
        taken.owner_id, taken.outcome = hospital.lin.id, "came_in"
        await hospital.alert(second, "urgent", local(4), taken=50)
        await hospital.alert(other, "same_day", local(4))
        await hospital.writes(baby, 3, outcome={"answer": "dialogue", "read": {"intent": "report", "confidence": 0.9}})
        await hospital.visit(baby, 3, department="新生儿科")
        await hospital.visit(other, 3, department="=呼吸科")
        await refresh_index(tx, [each.id for each in hospital.patients], now=APRIL, zone=ZONE)
    yield stage


async def tables(stage: Stage, who: str, path: str) -> dict[str, list[list[str]]]:
    return Tables(await (await stage.client(who)).text(f"/reports{path}")).found


async def test_the_figures_are_those_counted_by_hand(small: Stage) -> None:
    follow = await tables(small, "zhangwei", f"/follow-ups?{MARCH}")
    assert [row[1:] for row in follow["funnel"][1:]] == [["4", "100.0%"], ["3", "75.0%"], ["2", "50.0%"], ["1", "25.0%"]]
    rows = {row[0]: row[1:] for row in follow["follow_ups"]}
    # The month before had one, which was done.
    assert rows["任务完成率"] == ["25.0% 1/4 小样本", "100.0% 1/1 小样本", "-75.0个百分点"]
    # The one after 60 hours came too late to count as an answer.
    assert rows["回复率"][0] == "33.3% 1/3 小样本"
    assert {row[0]: row[1] for row in follow["kept_by_plan"][1:]} == {"新生儿出院后体重与喂养随访": "4"}
    assert "kept_by_team" not in follow
    alerts = await tables(small, "zhangwei", f"/alerts?{MARCH}")
    urgent = next(row for row in alerts["alerts"] if row[0] == "加急")
    assert urgent == ["加急", "2", "30.0分钟 2/2 小样本", "46.0分钟", "50.0% 1/2 小样本", "2.2小时 1/2 小样本", "2.2小时", "—"]
    assert alerts["outcomes"][1:] == [["尚未关闭", "0", "1", "0", "1"], ["已约来院就诊", "0", "1", "0", "1"]]
    load = await tables(small, "zhangwei", f"/staff?{MARCH}")
    assert load["load_by_person"][1][:3] == ["林悦", "1件", "1件"]
    # Who leads nobody sees the team's work, and not each colleague's.
    mine = await (await small.client("linyue")).text(f"/reports/staff?{MARCH}")
    assert "load_by_person" not in Tables(mine).found and "按人员的数字只给团队负责人看" in mine


async def test_each_reads_of_one_s_own_teams_and_the_whole_hospital_who_may(small: Stage) -> None:
    whole = await tables(small, "admin", f"/follow-ups?{MARCH}")
    assert whole["funnel"][1][1] == "5" and {row[0] for row in whole["kept_by_team"][1:]} == {CENTRE, LUNGS}
    qin = await tables(small, "qinlan", f"/follow-ups?{MARCH}")
    assert qin["funnel"][1][1] == "1" and "kept_by_team" not in qin
    async with small.db.transaction() as tx:
        ids = (await hospital_of(tx, small)).teams[CENTRE].id
    narrowed = await tables(small, "admin", f"/follow-ups?{MARCH}&team={ids}")
    assert narrowed["funnel"][1][1] == "4" and "kept_by_team" not in narrowed
    client = await small.client("qinlan")
    for path in ("", "/alerts", "/staff/load.xlsx"):
        assert (await client.get(f"/reports{path}?team={ids}")).status == 404
    async with small.db.transaction() as tx:
        noted = (await tx.scalars(select(AccessRefusal))).all()
    assert len(noted) == 3 and {row.what for row in noted} == {f"reports of team {ids}"}
    assert (await (await small.client(None)).get("/reports")).status == 303


async def test_the_excel_file_holds_the_numbers_of_the_page_and_no_formula(small: Stage) -> None:
    client = await small.client("admin")
    page = await client.text(f"/reports/follow-ups?{MARCH}")
    found = Tables(page).found
    for code in ("follow_ups", "hours", "kept_by_plan"):
        shown = found[code]
        link = re.search(rf'href="/console(/reports/follow-ups/{code}\.xlsx[^"]*)"', page)
        assert link is not None, code
        answer = await client.get(link[1].replace("&amp;", "&"))
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
        head, *lines = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
        assert len(lines) == len(shown) - 1 and head[0] == shown[0][0], code
        assert "2026-03-01 至 2026-03-31" in str(book.worksheets[1]["B1"].value) and book.worksheets[1]["B2"].value == "全院"
        if code == "follow_ups":
            line = next(dict(zip(head, each, strict=True)) for each in lines if each[0] == "任务完成率")
            assert (line["本期"], line["本期（分子）"], line["本期（分母）"], line["本期（备注）"]) == (0.4, 2, 5, "小样本")
            assert line["变化"] == -60
    answer = await client.get(f"/reports/overview/operations_by_department.xlsx?{MARCH}")
    cells = [cell for row in openpyxl.load_workbook(io.BytesIO(await answer.read())).worksheets[0].iter_rows() for cell in row]
    assert "=呼吸科" in {cell.value for cell in cells} and {cell.data_type for cell in cells} <= {"s", "n"}
    assert (await client.get(f"/reports/follow-ups/nothing.xlsx?{MARCH}")).status == 404
    assert (await client.get(f"/reports/nothing/funnel.xlsx?{MARCH}")).status == 404


async def test_a_plan_and_a_department_narrow_down_and_say_what_cannot_be(small: Stage) -> None:
    client = await small.client("admin")
    page = await client.text(f"/reports?{MARCH}&plan=neonatal")
    assert "没有列出：患者建档率、日均互动患者数" in page
    found = Tables(await client.text(f"/reports/follow-ups?{MARCH}&department=%3D%E5%91%BC%E5%90%B8%E7%A7%91")).found
    assert found["funnel"][1][1] == "1"
    # What is not there, or not meant to be: no figures, no error.
    for query in ("department=%3Cscript%3E", "plan=nothing", "from=2026-13-01&to=x", "from=2026-03-02&to=2026-03-01", "period=age"):
        assert "<script>" not in re.sub(r"<script [^>]*></script>", "", await client.text(f"/reports?{query}"))


def test_a_period_is_named_by_its_days() -> None:
    today = date(2026, 4, 10)
    assert asked({}, today) == (Span(date(2026, 3, 1), date(2026, 3, 31)), True)
    assert last_whole("week", today) == Span(date(2026, 3, 30), date(2026, 4, 5))
    quarter, understood = asked({"period": "quarter"}, today)
    assert understood and (quarter.title, quarter.moved(-1).title) == ("2026年第1季度", "2025年第4季度")
    february = Span(date(2026, 2, 1), date(2026, 2, 28))
    assert (february.shape, february.moved(1).last, february.moved(-1).title) == ("month", date(2026, 3, 31), "2026年1月")
    days = Span(date(2025, 12, 30), date(2026, 1, 2))
    assert (days.shape, days.moved(-1)) == ("days", Span(date(2025, 12, 26), date(2025, 12, 29)))
    assert days.title == "2025年12月30日 至 2026年1月2日"
    assert asked({"from": "2020-01-01", "to": "2026-01-01"}, today) == (Span(date(2026, 3, 1), date(2026, 3, 31)), False)


async def test_what_several_ask_for_is_worked_out_once_and_what_failed_again() -> None:
    shelf, made = Shelf[int](Memory(), kept_for=KEPT_FOR, patience=0), 0

    async def make() -> int:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        if made == 1:
            raise ValueError("away")
        return made

    asked_for = [shelf.get("march", APRIL, make) for _ in range(3)]
    assert [type(each) for each in await asyncio.gather(*asked_for, return_exceptions=True)] == [ValueError] * 3
    first, second = await asyncio.gather(*(shelf.get("march", APRIL, make) for _ in range(2)))
    assert first is second and made == 2
    await shelf.get("april", APRIL, make)
    await shelf.get("march", APRIL + KEPT_FOR, make)
    assert made == 4


async def test_nobody_waits_for_what_takes_long_and_sees_meanwhile_what_was_there() -> None:
    shelf, go = Shelf[str](Memory(), kept_for=KEPT_FOR, patience=0), asyncio.Event()

    async def slow() -> str:
        await go.wait()
        return "new"

    assert await shelf.look("march", APRIL, slow) == (None, True)
    go.set()
    found = await shelf.get("march", APRIL, slow)
    assert await shelf.look("march", APRIL, slow) == (found, False)
    go.clear()
    assert await shelf.look("march", later := APRIL + KEPT_FOR, slow) == (found, True)
    await shelf.close()
    assert await shelf.look("march", later, slow) == (found, True)
    await shelf.close()
    # What cost an hour is not worked out anew after five minutes, and what is there at once is never kept.
    assert shelf.fresh(Kept("dear", APRIL, 3600), later) and not shelf.fresh(Kept("cheap", APRIL, 1), later)
    shelf.patience = 1
    assert not shelf.fresh(Kept("nothing", APRIL, 0.01), APRIL)


async def test_a_page_says_that_its_figures_are_worked_out_and_asks_until_they_are(small: Stage) -> None:
    small.console[REPORTS_KEPT].patience = 0
    client = await small.client("admin")
    page = await client.text(f"/reports/follow-ups?{MARCH}")
    assert "正在统计2026年3月的数字" in page and "数字算到" not in page
    # Whoever takes the file waits for it.
    assert (await client.get(f"/reports/follow-ups/funnel.xlsx?{MARCH}")).status == 200
    asked = await client.get(f"/reports/follow-ups?{MARCH}", headers={"X-Live": "1", "Accept": "text/html"})
    assert asked.headers["HX-Refresh"] == "true"
    assert (await tables(small, "admin", f"/follow-ups?{MARCH}"))["funnel"][1][1] == "5"
    small.now += KEPT_FOR
    old = await client.text(f"/reports/follow-ups?{MARCH}")
    assert "正在重新统计" in old and Tables(old).found["funnel"][1][1] == "5"


@pytest.mark.browser
async def test_the_monthly_report_is_read_drawn_and_saved(stage: Stage, browser_page: OpenPage) -> None:
    async with stage.db.transaction() as tx:
        await plant_month(tx, stage)
    page = await browser_page("admin", "/reports", size=(1280, 1000))
    await expect(page.locator("h1")).to_contain_text("2026年3月")
    await page.get_by_role("link", name="随访", exact=True).click()
    await expect(page.locator(".chart canvas")).to_have_count(5)
    await expect(page.locator("#funnel")).to_contain_text("按时完成")
    await page.locator("select[name=team]").select_option(label=CENTRE)
    await page.get_by_role("button", name="查看").click()
    await expect(page.locator("main > .muted")).to_contain_text(CENTRE)
    async with page.expect_download() as saved:
        await page.locator("#funnel").get_by_role("link", name="下载 Excel").click()
    assert (await saved.value).suggested_filename == "从到期到完成 2026-03-01 2026-03-31.xlsx"
    async with page.expect_download() as drawn:
        await page.locator("#funnel").get_by_role("button", name="存为图片").click()
    assert (await drawn.value).suggested_filename == "从到期到完成.png"
    await assert_accessible(page)
    await page.locator("#funnel").evaluate("(part) => scrollTo(0, part.offsetTop - 330)")
    await keep_screenshot(page, "reports")
