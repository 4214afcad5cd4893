"""Saved cohorts: making and changing them, who may see them, and their first fill, as one statement over all patients."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Boolean, Date, cast, column, delete, func, insert, not_, or_, select, table, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.cohort import COHORT_MOVES, Cohort, CohortMember, CohortVersion
from records.patient import AccessRefused
from records.patient_index import PatientIndex
from records.staff import Staff, Team, TeamMember, teams_of
from records.state import created, move
from tagging.cohort.builder import build, read
from tagging.cohort.check import check_name
from tagging.cohort.movement import sizes
from tagging.cohort.preview import Found, Page, plan_well, shown
from tagging.cohort.query import DepartmentTerm, PlanTerm, Query, SinceTerm, TagTerm, TrendTerm, ValueTerm, terms
from tagging.cohort.scope import Library, Scope, library_of
from tagging.cohort.sql import Compiled
from tagging.cohort.words import CohortError, say

# Any fixed number: who fills a cohort and who keeps them up to date take turns, so that neither misses what the other does.
ONE_KEEPER = 5290


class CohortRefused(AccessRefused):
    """There is no such cohort or team for this staff member; the two look alike from outside."""


async def access_cohort(tx: AsyncSession, staff: Staff, cohort_id: int, *, lock: bool = False) -> Cohort:
    """The cohort, if it is shared or of one of the staff member's teams; to change it (`lock`) it must be of his team.

    Raises CohortRefused.
    """
    own = teams_of(staff.id)
    mine = Cohort.team_id.in_(own)
    chosen = select(Cohort).where(Cohort.id == cohort_id, mine if lock else or_(mine, Cohort.shared))
    cohort = await tx.scalar(chosen.with_for_update() if lock else chosen)
    if cohort is None or not staff.active:
        raise CohortRefused(f"cohort {cohort_id}")
    return cohort


async def cohorts_for(tx: AsyncSession, staff: Staff) -> list[Cohort]:
    """The active cohorts that a staff member may see, by name."""
    own = teams_of(staff.id)
    chosen = select(Cohort).where(Cohort.state == "active", or_(Cohort.team_id.in_(own), Cohort.shared)).order_by(Cohort.name, Cohort.id)
    return list(await tx.scalars(chosen)) if staff.active else []


def scope_of(cohort: Cohort, library: Library, *, now: datetime, zone: ZoneInfo) -> Scope:
    """What a cohort's query means: of a shared one the whole hospital and no private tags, else its team's patients and tags."""
    if cohort.shared:
        return library.scope(teams=None, private_of=(), now=now, zone=zone)
    return library.scope(teams=[cohort.team_id], private_of=[cohort.team_id], now=now, zone=zone)


def reads_of(query: Query, scope: Scope) -> list[str]:
    """The facts on which a query's verdict rests, as PatientNews names them; a tag stands for those below it too."""
    found = {"patient"}
    for term in terms(query):
        match term:
            case TagTerm(tags, _, sources, within):
                ids = [scope.tag(tag).id for tag in tags]
                found.update(f"tag:{id}" for id in ids)
                if sources or within is not None:
                    found.update(f"evidence:{id}" for id in ids)
            case SinceTerm(event="answer"):
                found.add("answer")
            case SinceTerm() | DepartmentTerm():
                found.add("encounter")
            case ValueTerm() | TrendTerm():
                found.add("value")
            case PlanTerm():
                found.add("plan")
            case _:
                pass
    return sorted(found)


async def save(
    tx: AsyncSession, staff: Staff, name: str, query: Query, *, team: str, shared: bool = False, now: datetime, zone: ZoneInfo
) -> Cohort:
    """Save a cohort for one of the staff member's teams; under a name that the team has already, as its next version.

    Its members are there when the transaction commits, each with an event. Raises CohortRefused (not his team) and CohortError (a tag
    that there is not, a private tag in a shared cohort).
    """
    of_staff = select(Team.id).join(TeamMember, TeamMember.team_id == Team.id).where(Team.name == team, TeamMember.staff_id == staff.id)
    team_id = await tx.scalar(of_staff)
    if team_id is None or not staff.active:
        raise CohortRefused(f"team {team!r}")
    if wrong := check_name(name):
        raise CohortError(wrong[0], say(f"mistakes.{wrong[0]}", **wrong[1]))
    await tx.execute(select(func.pg_advisory_xact_lock(ONE_KEEPER)))
    cohort = await tx.scalar(select(Cohort).where(Cohort.team_id == team_id, Cohort.name == name, Cohort.state == "active"))
    is_new = cohort is None
    if cohort is None:
        cohort = Cohort(name=name, team_id=team_id, state="active", version=0)
    cohort.shared, cohort.at, cohort.by, cohort.version = shared, now, staff.userid, cohort.version + 1
    library = await library_of(tx)
    scope = scope_of(cohort, library, now=now, zone=zone)
    known = _known(query, scope, library, team_id, now=now, zone=zone)
    cohort.definition, cohort.reads = build(known), reads_of(known, scope)
    tx.add(cohort)
    await tx.flush()
    if is_new:
        created(tx, cohort, at=now, by=staff.userid)
    tx.add(CohortVersion(cohort_id=cohort.id, version=cohort.version, definition=cohort.definition, at=now, by=staff.userid))
    await fill(tx, cohort, known, scope, now=now, why="saved")
    return cohort


def _known(query: Query, scope: Scope, library: Library, team_id: int, *, now: datetime, zone: ZoneInfo) -> Query:
    """The query with its tags by code; a private tag that its own team may name is refused with the reason."""
    try:
        return scope.known(query)
    except CohortError as err:
        own = library.scope(teams=[team_id], private_of=[team_id], now=now, zone=zone)
        if err.code == "unknown_tag" and err.about and any(err.about in (entry.code, entry.name) for entry in own.tags.values()):
            raise CohortError("private_tag", say("mistakes.private_tag", name=err.about), about=err.about) from err
        raise


async def end(tx: AsyncSession, cohort: Cohort, *, now: datetime, by: str) -> bool:
    """Keep it no longer. Its versions and events stay; nobody leaves by it. False when it had ended already."""
    await tx.execute(select(func.pg_advisory_xact_lock(ONE_KEEPER)))
    if not await move(tx, cohort, "ended", moves=COHORT_MOVES, at=now, by=by):
        return False
    await tx.execute(delete(CohortMember).where(CohortMember.cohort_id == cohort.id))
    return True


_DIFFER = """
insert into cohort_event (cohort_id, patient_id, kind, why, version, at)
select :cohort, coalesce(fresh.patient_id, known.patient_id), case when fresh.patient_id is null then 'left' else 'joined' end,
    :why, :version, :now
from (select patient_id from cohort_fill where not inactive) fresh
full join (select patient_id from cohort_member where cohort_id = :cohort and not inactive) known using (patient_id)
where fresh.patient_id is null or known.patient_id is null
order by 2
"""
_REPLACE = """
insert into cohort_member as known (cohort_id, patient_id, inactive, since, next_on)
select :cohort, patient_id, inactive, :now, next_on from cohort_fill order by patient_id
on conflict (cohort_id, patient_id) do update set inactive = excluded.inactive, next_on = excluded.next_on,
    since = case when known.inactive = excluded.inactive then known.since else excluded.since end
"""
_DROP = "delete from cohort_member where cohort_id = :cohort and patient_id not in (select patient_id from cohort_fill)"


_FILL = table("cohort_fill", column("patient_id", BigInteger), column("inactive", Boolean), column("next_on", Date))


async def fill(tx: AsyncSession, cohort: Cohort, query: Query, scope: Scope, *, now: datetime, why: str) -> None:
    """Reckon all members anew, and those whom time alone can bring in; events for who came and went."""
    compiled = Compiled(scope)
    matches, day = func.coalesce(compiled.matches(query), False), cast(compiled.next_on(query), Date)
    who = select(PatientIndex.patient_id, not_(matches).label("inactive"), day.label("next_on")).where(
        or_(matches, compiled.may_match(query))
    )
    found = who.select_from(compiled.source).subquery()
    kept = select(found).where(or_(not_(found.c.inactive), found.c.next_on.is_not(None)))
    await plan_well(tx)
    await tx.execute(text("create temp table cohort_fill (patient_id bigint primary key, inactive boolean, next_on date) on commit drop"))
    await tx.execute(insert(_FILL).from_select(["patient_id", "inactive", "next_on"], kept))
    values = {"cohort": cohort.id, "now": now, "why": why, "version": cohort.version}
    for statement in (_DIFFER, _REPLACE, _DROP):
        await tx.execute(text(statement), {name: value for name, value in values.items() if f":{name}" in statement})
    await tx.execute(text("drop table cohort_fill"))


async def members(tx: AsyncSession, cohort: Cohort, scope: Scope, page: Page) -> list[Found]:
    """A page of the members who are within the reader's reach; `scope` is the reader's."""
    in_it = select(CohortMember.patient_id).where(CohortMember.cohort_id == cohort.id, CohortMember.inactive.is_(False))
    chosen = select(PatientIndex.patient_id).where(PatientIndex.patient_id.in_(in_it), Compiled(scope).in_reach())
    return await shown(tx, chosen, scope, page)


async def member_count(tx: AsyncSession, cohort: Cohort, scope: Scope) -> int:
    """How many members are within the reader's reach."""
    return (await sizes(tx, [cohort.id], scope)).get(cohort.id, 0)


def query_of(cohort: Cohort) -> Query:
    """The tree of a saved definition."""
    return read(cohort.definition)
