"""The page of the audit's seals: the head to be noted elsewhere, and what was found wrong."""

from sqlalchemy import delete, select

from bot.audit import verify_daily
from console.admin.minors_audit import KEPT_FOR, MINORS_KEPT
from records.audit_seal import AuditCheck, AuditSeal
from records.patient import ReadAudit
from records.retention_run import RetentionRun
from tests.bot.test_audit import Running, read
from tests.console.stage import NOW, Stage


async def test_the_page_shows_the_head_and_what_was_found(stage: Stage) -> None:
    admin = await stage.client("admin")
    assert "还没有封存过" in await admin.text("/admin/audit/chain")
    here = Running(stage.db)
    here.now = NOW
    await read(stage.db)
    await here.seal()
    async with stage.db.transaction() as tx:
        head = (await tx.scalars(select(AuditSeal.head))).first()
    assert head is not None and head.hex() in await admin.text("/admin/audit/chain")
    async with stage.db.transaction() as tx:
        await tx.execute(delete(ReadAudit))
    await verify_daily(here.parts)
    page = await admin.text("/admin/audit/chain")
    assert "1处问题" in page and "被删除，没有依规删除的说明" in page
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(AuditCheck.found))).one() == 1
    assert (await (await stage.client("linyue")).get("/admin/audit/chain")).status == 403


async def test_the_page_of_periods_says_what_law_asks_and_what_the_nights_did(stage: Stage) -> None:
    admin = await stage.client("admin")
    page = await admin.text("/admin/retention")
    assert "没有经过律师审核" in page and "家属发来的图片" in page and "还没有运行过" in page
    async with stage.db.transaction() as tx:
        tx.add(RetentionRun(at=NOW, ended_at=NOW, counts={"links": {"family_link": 2, "fhir_token": 1}}))
    assert "3条" in await admin.text("/admin/retention")
    assert (await (await stage.client("linyue")).get("/admin/retention")).status == 403


async def test_the_years_audit_of_minors_is_shown_and_downloaded(stage: Stage) -> None:
    admin = await stage.client("admin")
    page = await admin.text("/admin/audit/minors")
    assert "2026年" in page and "第三十七条" in page and "在档未成年人" in page and "3 人" in page
    assert "2024年）" in await admin.text("/admin/audit/minors?year=2024")
    answer = await admin.get("/admin/audit/minors.xlsx?year=nonsense")
    assert answer.status == 200 and answer.headers["Content-Disposition"] == 'attachment; filename="careloop-minors-2026.xlsx"'
    assert (await answer.read()).startswith(b"PK")
    # Where counting takes long nobody waits for it: the page says so, asks until it is done, and shows what was found last.
    stage.console[MINORS_KEPT].patience = 0
    stage.now += KEPT_FOR
    page = await admin.text("/admin/audit/minors")
    assert (
        "正在重新统计" in page
        and "数字算到 2026-03-01 10:00" in page
        and "正在统计2023年" in await admin.text("/admin/audit/minors?year=2023")
    )
    for year in (2023, 2026):
        assert (await admin.get(f"/admin/audit/minors.xlsx?year={year}")).status == 200
    stage.console[MINORS_KEPT].patience = 60
    assert "数字算到 2026-03-01 10:15" in await admin.text("/admin/audit/minors")
    asked = await admin.get("/admin/audit/minors", headers={"X-Live": "1", "Accept": "text/html"})
    assert asked.headers["HX-Refresh"] == "true"
    for path in ("/admin/audit/minors", "/admin/audit/minors.xlsx"):
        assert (await (await stage.client("zhangwei")).get(path)).status == 403
