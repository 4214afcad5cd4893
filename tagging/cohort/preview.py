"""How many a query finds, who they are, page by page, and how two queries differ. Within the asker's reach, always.

Whoever is shown on a list has been read: lists take the reader, and write it down.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, and_, func, insert, not_, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Patient, ReadAudit
from records.patient_index import PatientIndex
from records.staff import Staff
from tagging.cohort.query import Query
from tagging.cohort.scope import Scope
from tagging.cohort.sql import Compiled
from tagging.cohort.words import CohortError, say

LONGEST_PAGE = 500
# So many ids are walked along for a page: a few milliseconds.
WALK = 20_000
# PostgreSQL's code for a statement that was ended, here because its time was up.
CANCELLED = "57014"
# A preview that takes longer is not worth waiting for: the whole hospital's trends are better asked of a saved cohort.
PATIENCE_MS = 15_000
# Compiling to machine code costs more than any of these queries; a plan that does not know its tags and dates is often a bad one.
_PLAN = text(
    "select set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '64MB', true)"
)


@dataclass(frozen=True)
class Found:
    """One patient of a list. `tags` are the names of those he carries and the asker may see."""

    patient_id: int
    name: str
    record_number: str
    sex: str | None
    birth_date: date
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """How many match only the first, both, and only the second."""

    only_first: int
    both: int
    only_second: int


async def plan_well(tx: AsyncSession) -> None:
    """Have the rest of the transaction planned for statements such as these."""
    await tx.execute(_PLAN)


@asynccontextmanager
async def patiently(tx: AsyncSession, patience_ms: int | None = None) -> AsyncIterator[None]:
    """Statements within may take so long and no longer; those after it as long as before. Raises CohortError (`too_slow`), whose
    sentence says what to ask instead; the transaction goes on."""
    before = await tx.scalar(text("select current_setting('statement_timeout')"))
    limit = text("select set_config('statement_timeout', :limit, true)")
    try:
        async with tx.begin_nested():
            await tx.execute(limit, {"limit": f"{PATIENCE_MS if patience_ms is None else patience_ms}ms"})
            yield
            await tx.execute(limit, {"limit": before})
    except DBAPIError as err:
        if getattr(err.orig, "sqlstate", None) != CANCELLED:
            raise
        raise CohortError("too_slow", say("mistakes.too_slow")) from err


async def count(tx: AsyncSession, query: Query, scope: Scope) -> int:
    """How many patients match."""
    compiled = Compiled(scope)
    condition = compiled.matches(query)
    await plan_well(tx)
    async with patiently(tx):
        return int(await tx.scalar(select(func.count()).select_from(compiled.source).where(condition)) or 0)


@dataclass(frozen=True)
class Page:
    """Who reads a list, when, and which part of it: those with an id beyond `after`, in the order of ids, at most `limit`.

    The last id of a page asks for the next.
    """

    reader: Staff
    now: datetime
    after: int = 0
    limit: int = 50


async def listed(tx: AsyncSession, query: Query, scope: Scope, page: Page, *, but_not: Query | None = None) -> list[Found]:
    """A page of the patients who match `query`, and not `but_not`. `scope` is the reader's."""
    compiled = Compiled(scope)
    condition = compiled.matches(query)
    if but_not is not None:
        condition = and_(condition, not_(func.coalesce(compiled.matches(but_not), False)))
    chosen = select(PatientIndex.patient_id).where(condition).select_from(compiled.source)
    return await shown(tx, chosen, scope, page)


async def compare(tx: AsyncSession, first: Query, second: Query, scope: Scope) -> Comparison:
    """How many match one query, the other, or both."""
    compiled = Compiled(scope)
    one, other = (func.coalesce(compiled.matches(query), False) for query in (first, second))
    counts = [func.count().filter(part) for part in (and_(one, not_(other)), and_(one, other), and_(not_(one), other))]
    await plan_well(tx)
    async with patiently(tx):
        row = (await tx.execute(select(*counts).select_from(compiled.source).where(compiled.in_reach(), or_(one, other)))).one()
    return Comparison(row[0], row[1], row[2])


async def shown(tx: AsyncSession, chosen: Select[int], scope: Scope, page: Page) -> list[Found]:
    """A page of the patients whom a statement on PatientIndex chooses; each is noted as read. They must be within the reader's reach."""
    ids = await _ids(tx, chosen, page.after, max(1, min(page.limit, LONGEST_PAGE)))
    rows = await tx.execute(
        select(Patient.id, Patient.name, Patient.record_number, Patient.sex, Patient.birth_date, PatientIndex.tags)
        .join(PatientIndex, PatientIndex.patient_id == Patient.id)
        .where(Patient.id.in_(ids))
        .order_by(Patient.id)
    )
    if ids:
        read = {"staff_id": page.reader.id, "at": page.now, "why": "cohort"}
        await tx.execute(insert(ReadAudit), [read | {"patient_id": id} for id in ids])
    return [Found(*row[:5], tuple(scope.tags[tag].name for tag in row[5] if tag in scope.tags)) for row in rows]


async def _ids(tx: AsyncSession, chosen: Select[int], after: int, limit: int) -> list[int]:
    """The first `limit` of them beyond `after`.

    Many matches are found by walking along the ids, few by the indexes, and the planner cannot tell how many there are: so it walks a
    little, and only then asks for all of them.
    """
    await plan_well(tx)
    index = PatientIndex.__table__.c
    begin = await tx.scalar(select(func.min(index.patient_id)).where(index.patient_id > after))
    if begin is None:
        return []
    async with patiently(tx):
        return await _walked(tx, chosen, begin, limit)


async def _walked(tx: AsyncSession, chosen: Select[int], begin: int, limit: int) -> list[int]:
    near = chosen.where(PatientIndex.patient_id >= begin, PatientIndex.patient_id < begin + WALK)
    found = list(await tx.scalars(near.order_by(PatientIndex.patient_id).limit(limit)))
    if len(found) == limit:
        return found
    rest = chosen.where(PatientIndex.patient_id >= begin + WALK).cte("rest").prefix_with("materialized")
    return found + list(await tx.scalars(select(rest.c.patient_id).order_by(rest.c.patient_id).limit(limit - len(found))))
