"""The audit while we run: sealed, verified once a day, told by the doctor, the metrics, the page and the command."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import delete, update

from bot.app import Core
from bot.audit import diagnose_audit, read_audit_gauges, sealer, verify_daily
from bot.audit_commands import AuditError, head_command, verify_command
from bot.clock import Clock
from bot.settings import Settings
from records.database import Database
from records.patient import ReadAudit
from tests.records.test_audit_seal import looked_until_sealed

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


class Running:
    """An installation whose time a test tells."""

    def __init__(self, db: Database) -> None:
        self.now = NOW
        settings = Settings(database_url=SecretStr(db.url), audit_key=SecretStr("outside"))
        self.parts = Core(settings, db, Clock())
        self.parts.clock = lambda: self.now  # type: ignore[assignment,method-assign]
        self.sealer = sealer(self.parts)

    async def seal(self) -> None:
        await looked_until_sealed(self.parts.db, self.sealer)

    async def findings(self) -> dict[bool, str]:
        return {each.ok: each.text for each in await diagnose_audit(self.parts.db, self.now, ZONE)}


async def read(db: Database, patient: int = 1) -> None:
    async with db.transaction() as tx:
        tx.add(ReadAudit(patient_id=patient, staff_id=1, at=NOW, why="portrait"))


async def test_a_day_with_the_audit(db: Database) -> None:
    here = Running(db)
    assert await here.findings() == {} and await verify_daily(here.parts) is None
    await read(db)
    here.now += timedelta(minutes=11)
    assert "没有封存" in (await here.findings())[False]
    await here.seal()
    assert "还没有核对过" in (await here.findings())[True]
    first = await verify_daily(here.parts)
    assert first is not None and (first.found, first.rows) == (0, 1)
    assert await verify_daily(here.parts) is None, "once a day"
    assert "审计链完好" in (await here.findings())[True]
    here.now += timedelta(days=3)
    assert "没有核对过" in (await here.findings())[False]
    async with db.transaction() as tx:
        await tx.execute(update(ReadAudit).values(why="work_list"))
    second = await verify_daily(here.parts)
    assert second is not None and second.found == 1
    assert "1 处问题" in (await here.findings())[False]
    await read_audit_gauges(db, here.now)
    assert REGISTRY.get_sample_value("careloop_audit_problems") == 1
    assert REGISTRY.get_sample_value("careloop_audit_seals") == 1
    assert REGISTRY.get_sample_value("careloop_audit_unsealed", {"log": "read_audit"}) == 0


def test_the_command_prints_the_head_and_names_what_was_done(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)
    monkeypatch.setenv("CARELOOP_AUDIT_KEY", "outside")

    async def work(step: str) -> None:
        db = Database(url=database_url)
        await db.open()
        if step == "seal":
            await read(db, 1)
            await read(db, 2)
            await Running(db).seal()
        else:
            async with db.transaction() as tx:
                await tx.execute(delete(ReadAudit).where(ReadAudit.patient_id == 2))
        await db.close()

    with pytest.raises(AuditError, match="还没有封存过"):
        head_command()
    asyncio.run(work("seal"))
    head_command()
    noted = capsys.readouterr().out.strip()
    assert noted.startswith("1:")
    verify_command([noted], as_json=False)
    assert "没有发现问题" in capsys.readouterr().out
    asyncio.run(work("tamper"))
    with pytest.raises(SystemExit):
        verify_command([noted], as_json=False)
    assert "谁看了病历 第 2 条被删除" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        verify_command([noted], as_json=True)
    assert '"code": "removed"' in capsys.readouterr().out
    with pytest.raises(AuditError, match="careloop audit head"):
        verify_command(["nonsense"], as_json=False)
