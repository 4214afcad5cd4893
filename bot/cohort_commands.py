"""What `careloop cohort …` does."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.cohorts import keep_cohorts
from bot.links import find_patient
from records.patient import access_patient
from records.staff import Staff
from tagging.cohort import saved
from tagging.cohort.builder import read
from tagging.cohort.explain import explain
from tagging.cohort.preview import Found, Page, compare, count, listed
from tagging.cohort.query import LONGEST, Query
from tagging.cohort.saved import CohortRefused
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.words import CohortError, say
from tagging.cohort.write import write


class _Asked:
    """A transaction with who asks, and what he may ask for."""

    def __init__(self, tx: AsyncSession, parts: Core, staff: Staff, scope: Scope) -> None:
        self.tx, self.parts, self.staff, self.scope = tx, parts, staff, scope
        self.now = parts.clock()

    def query(self, text: str) -> Query:
        """A query in words, or in the builder form (which begins with a brace)."""
        if not text.lstrip().startswith("{"):
            return self.scope.read(text)
        # Longer than the same in words, but not without end.
        if len(text) > 10 * LONGEST:
            raise CohortError("too_long", say("mistakes.too_long", most=10 * LONGEST, found=len(text)))
        try:
            form = json.loads(text)
        except (ValueError, RecursionError) as err:
            raise CohortError("json", f"JSON: {err}") from err
        return self.scope.known(read(form))

    def page(self, after: int, limit: int) -> Page:
        return Page(self.staff, self.now, after=after, limit=limit)


def count_command(query: str, by: str) -> None:
    """`careloop cohort count`."""

    async def work(asked: _Asked) -> str:
        tree = asked.query(query)
        return f"{write(tree, names=asked.scope.name_of)}\n{await count(asked.tx, tree, asked.scope)}"

    print(_ask(work, by))


def list_command(query: str, by: str, *, after: int, limit: int) -> None:
    """`careloop cohort list`."""

    async def work(asked: _Asked) -> str:
        return _lines(await listed(asked.tx, asked.query(query), asked.scope, asked.page(after, limit)), limit)

    print(_ask(work, by))


def explain_command(query: str, record_number: str, by: str) -> None:
    """`careloop cohort explain`."""

    async def work(asked: _Asked) -> str:
        patient = await find_patient(asked.tx, record_number)
        await access_patient(asked.tx, asked.staff, patient.id, now=asked.now, why="cohort")
        found = await explain(asked.tx, asked.query(query), patient.id, asked.scope)
        if found is None:
            return "Nothing is known of this patient yet."
        verdict = say(f"explain.{'yes' if found.matches else 'no' if found.verdict is False else 'unknown'}")
        lines = [f"{patient.name} {patient.record_number}: {verdict}"]
        lines += [f"  {reason.in_words}  {reason.term}  —  {'；'.join(reason.because)}" for reason in found.reasons]
        return "\n".join(lines)

    print(_ask(work, by))


def compare_command(first: str, second: str, by: str) -> None:
    """`careloop cohort compare`."""

    async def work(asked: _Asked) -> str:
        found = await compare(asked.tx, asked.query(first), asked.query(second), asked.scope)
        return f"only the first   {found.only_first}\nboth             {found.both}\nonly the second  {found.only_second}"

    print(_ask(work, by))


def save_command(name: str, query: str, by: str, *, team: str, shared: bool) -> None:
    """`careloop cohort save`."""

    async def work(asked: _Asked) -> str:
        tree = asked.query(query)
        cohort = await saved.save(asked.tx, asked.staff, name, tree, team=team, shared=shared, now=asked.now, zone=asked.parts.settings.tz)
        members = await saved.member_count(asked.tx, cohort, asked.scope)
        return f"cohort {cohort.id} “{cohort.name}”, version {cohort.version}: {members} members in your teams"

    print(_ask(work, by))


def saved_command(by: str) -> None:
    """`careloop cohort saved`."""

    async def work(asked: _Asked) -> str:
        lines = []
        for cohort in await saved.cohorts_for(asked.tx, asked.staff):
            members = await saved.member_count(asked.tx, cohort, asked.scope)
            mark = ", shared" if cohort.shared else ""
            query = write(saved.query_of(cohort), names=asked.scope.name_of)
            lines.append(f"{cohort.id:>6}  {cohort.name}  v{cohort.version}{mark}  {members} members  {query}")
        return "\n".join(lines) or "No cohort is saved yet."

    print(_ask(work, by))


def members_command(cohort_id: int, by: str, *, after: int, limit: int) -> None:
    """`careloop cohort members`."""

    async def work(asked: _Asked) -> str:
        cohort = await saved.access_cohort(asked.tx, asked.staff, cohort_id)
        return _lines(await saved.members(asked.tx, cohort, asked.scope, asked.page(after, limit)), limit)

    print(_ask(work, by))


def end_command(cohort_id: int, by: str) -> None:
    """`careloop cohort end`."""

    async def work(asked: _Asked) -> str:
        cohort = await saved.access_cohort(asked.tx, asked.staff, cohort_id, lock=True)
        await saved.end(asked.tx, cohort, now=asked.now, by=asked.staff.userid)
        return f"cohort {cohort.id} “{cohort.name}” has ended"

    print(_ask(work, by))


def _lines(found: list[Found], limit: int) -> str:
    lines = [f"{one.record_number}  {one.name}  {one.sex or '-'}  {one.birth_date}  {'、'.join(one.tags)}" for one in found]
    if len(found) == limit:
        lines.append(f"more: --after {found[-1].patient_id}")
    return "\n".join(lines) or "Nobody."


def _ask(work: Callable[[_Asked], Awaitable[str]], by: str) -> str:
    async def run() -> str:
        async with core(command_settings("cohort"), role="cohort", pool_size=2) as parts:
            # Without a running worker nobody else takes in what is new.
            await keep_cohorts(parts.db, parts.clock, parts.settings.tz)
            async with parts.db.transaction() as tx:
                staff = await tx.scalar(select(Staff).where(Staff.userid == by))
                if staff is None:
                    raise CohortRefused(f"There is no clinician {by!r}; `careloop staff` puts one on file.")
                scope = await scope_of_staff(tx, staff, now=parts.clock(), zone=parts.settings.tz)
                return await work(_Asked(tx, parts, staff, scope))

    return asyncio.run(run())
