"""Sealing and verifying the audit while we run, and what the doctor and the metrics say of it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
import yaml
from prometheus_client import Gauge
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core
from bot.doctor_finding import Finding
from bot.settings import Settings
from records.audit_seal import AuditCheck, Keys, audit_keys, head_text
from records.audit_sealing import Sealer, last_seal, unsealed
from records.audit_verifying import Problem, Verified, note_check, verify
from records.database import Database

log = structlog.get_logger(__name__)

# A row is sealed about three looks after it was written (s).
SEAL_EVERY = 10
# Every row is compared once a day; how often it is asked whether a day has passed (s).
VERIFY_EVERY, VERIFIED_FOR = 600, timedelta(days=1)
# Longer than this nothing waits while all is well: for sealing, and for the daily look.
BEHIND, STALE = timedelta(minutes=10), timedelta(days=2)
# Any fixed number: of many workers one verifies at a time.
ONE_VERIFIER = 5299

UNSEALED = Gauge("careloop_audit_unsealed", "Rows of the audit that are not sealed yet", ["log"])
WAITING = Gauge("careloop_audit_unsealed_seconds", "How long the oldest of them has waited")
SEALS = Gauge("careloop_audit_seals", "Seals of the audit")
PROBLEMS = Gauge("careloop_audit_problems", "What the last verification of the audit found wrong")
CHECKED = Gauge("careloop_audit_checked_seconds", "Since the last verification of the audit")


@cache
def texts() -> dict[str, Any]:
    """What is said of the audit; see audit.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("audit.yml").read_text("utf-8"))
    return loaded


def problem_text(problem: Problem) -> str:
    """What is wrong, in a line."""
    name = texts()["logs"].get(problem.log, problem.log)
    return str(texts()["problems"][problem.code]).format(seal=problem.seal, log=name, row=problem.row)


def keys_of(settings: Settings) -> Callable[[AsyncSession], Awaitable[Keys]]:
    """How the keys of these settings are come by."""
    old = [each.get_secret_value() for each in settings.audit_old_keys]
    return partial(audit_keys, given=settings.audit_key.get_secret_value(), old=old)


def sealer(parts: Core) -> Sealer:
    """What seals in this process."""
    return Sealer(parts.db, parts.clock, keys_of(parts.settings))


async def verified(db: Database, settings: Settings, noted: list[str] | None = None) -> Verified:
    """The whole chain, looked at now. Raises ValueError for a noted head that is none."""
    async with db.transaction() as tx:
        keys = await keys_of(settings)(tx)
    return await verify(db, keys, noted or [])


async def verify_daily(parts: Core) -> Verified | None:
    """Look at everything once a day, keep what was found, and tell the log the head, which is thereby outside of the database."""
    async with parts.db.transaction() as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_VERIFIER))):
            return None
        last, now = await last_check(tx), parts.clock()
        if await last_seal(tx) is None or (last is not None and now - VERIFIED_FOR < last.at):
            return None
        result = await verified(parts.db, parts.settings)
        await note_check(tx, result, now)
    if result.found:
        log.error("audit does not verify", found=result.found, seals=result.seals, head=result.head)
    else:
        log.info("audit verified", rows=result.rows, seals=result.seals, head=result.head)
    return result


async def last_check(tx: AsyncSession) -> AuditCheck | None:
    """The newest verification."""
    found: AuditCheck | None = await tx.scalar(select(AuditCheck).order_by(AuditCheck.id.desc()).limit(1))
    return found


async def diagnose_audit(db: Database, now: datetime, zone: ZoneInfo) -> list[Finding]:
    """Whether rows are sealed in time and the last verification found them as they were."""
    said = texts()["doctor"]
    async with db.transaction() as tx:
        waiting, check, seal = await unsealed(tx), await last_check(tx), await last_seal(tx)
    findings = []
    oldest = min((since for _, since in waiting.values() if since is not None), default=None)
    if oldest is not None and now - oldest > BEHIND:
        count = sum(count for count, _ in waiting.values())
        findings.append(Finding(False, said["behind"].format(since=_moment(oldest, zone), count=count)))
    if seal is None:
        return findings
    if check is None:
        return [*findings, Finding(True, said["unchecked"])]
    at = _moment(check.at, zone)
    if check.found:
        findings.append(Finding(False, said["found"].format(at=at, found=check.found)))
    elif now - check.at > STALE:
        findings.append(Finding(False, said["stale"].format(at=at)))
    else:
        findings.append(Finding(True, said["good"].format(at=at, seals=seal.number)))
    return findings


async def read_audit_gauges(db: Database, now: datetime) -> None:
    """Bring the gauges up to date. Raises what the database raises."""
    async with db.transaction() as tx:
        waiting, check, seal = await unsealed(tx), await last_check(tx), await last_seal(tx)
    for name, (count, _) in waiting.items():
        UNSEALED.labels(name).set(count)
    oldest = min((since for _, since in waiting.values() if since is not None), default=now)
    WAITING.set(max(0.0, (now - oldest).total_seconds()))
    SEALS.set(seal.number if seal is not None else 0)
    if check is not None:
        PROBLEMS.set(check.found)
        CHECKED.set((now - check.at).total_seconds())


def told(result: Verified, zone: ZoneInfo) -> list[str]:
    """What a verification found, line by line."""
    said, names = texts()["verify"], texts()["logs"]
    lines = [said["seen"].format(seals=result.seals, rows=result.rows, head=result.head) if result.seals else said["none"]]
    for name, (count, since) in result.waiting.items():
        if count and since is not None:
            lines.append(said["waiting"].format(log=names[name], count=count, since=_moment(since, zone)))
    lines += [said["removals"].format(why=why, count=count) for why, count in sorted(result.removals.items())]
    lines += [problem_text(each) for each in result.problems]
    if result.found > len(result.problems):
        lines.append(said["more"].format(shown=len(result.problems)))
    return [*lines, said["bad"].format(found=result.found) if result.found else said["good"]]


async def head(db: Database) -> str | None:
    """The newest head, to be noted elsewhere; None before the first seal."""
    async with db.transaction() as tx:
        seal = await last_seal(tx)
    return head_text(seal) if seal is not None else None


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
