"""PDC, the proportion of days covered by prescriptions, of all patients in one statement (clinical reference §7, S38)."""

from functools import lru_cache

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.measure import WHO, Measure, Source
from tagging.medicine import find_medicines
from tagging.risk.adherence import ADHERENT, LONGEST_SUPPLY
from tagging.tags.measures import LONG_TERM, PDC_FROM_DAYS

_NAMES = text("select distinct name from medication_request where starts_on is not null and ends_on is not null")


@lru_cache(maxsize=4096)
def _long_term(name: str) -> str | None:
    """The generic name of a medicine that is taken for years; None for others and for names that are not known."""
    known = next((each for each in find_medicines(name) if each.generic), None)
    return known.generic if known is not None and known.drug_class in LONG_TERM else None


async def long_term_names(tx: AsyncSession) -> dict[str, list[str]]:
    """The names of long-term medicines in the records, and what each is, as parameters of the statement."""
    known = {name: generic for name in await tx.scalars(_NAMES) if (generic := _long_term(name)) is not None}
    return {"medicine_names": list(known), "medicine_generics": list(known.values())}


def _pdc(dimensions: frozenset[str]) -> str:
    """Patients with a renewed long-term medicine, and the mean PDC of these medicines in the period up to today.

    What overlaps is carried forward: a supply begins when it was dispensed or when the one before is used up, whichever is later. With
    `used` the days of supply up to and with a row, it ends at used + max over the rows so far of (its start - used before it). Days in
    hospital count neither as covered nor as to be covered; a medicine counts from its first supply, and from four weeks after it on.
    """
    return f"""
        with {WHO}, the as (
            select cast(timezone(:zone, cast(:since as timestamptz)) as date) as first, cast(timezone(:zone,
                least(cast(:until as timestamptz), cast(:now as timestamptz))) as date) as ends
        ),
        supply as (
            select m.patient_id, known.generic, m.id, m.starts_on, least(m.ends_on - m.starts_on + 1, {LONGEST_SUPPLY}) as days, m.status
            from medication_request m join who on who.id = m.patient_id
            join unnest(cast(:medicine_names as text[]), cast(:medicine_generics as text[])) as known (name, generic) on known.name = m.name
            cross join the where m.ends_on >= m.starts_on and m.starts_on < the.ends
        ),
        used as (
            select *, cast(sum(days) over w as int) as used, row_number() over latest as back from supply
            window w as (partition by patient_id, generic order by starts_on, id),
                latest as (partition by patient_id, generic order by starts_on desc, id desc)
        ),
        carried as (
            select *, used + max(starts_on - (used - days)) over (partition by patient_id, generic order by starts_on, id) as ends_on
            from used
        ),
        medicine as (
            select patient_id, generic, min(starts_on) as first, range_agg(daterange(ends_on - days, ends_on)) as covered from carried
            group by 1, 2 having count(*) > 1 and bool_or(back = 1 and status in ('active', 'completed'))
        ),
        away as (
            select e.patient_id, range_agg(daterange(cast(timezone(:zone, e.started_at) as date),
                cast(timezone(:zone, coalesce(e.ended_at, cast(:now as timestamptz))) as date), '[]')) as days
            from encounter e, the where e.kind = 'inpatient' and e.state in ('in-progress', 'finished') and e.started_at < :until
                and (e.ended_at is null or e.ended_at >= :since) and (e.ended_at is null or e.ended_at >= e.started_at)
            group by 1
        ),
        measured as (
            select m.patient_id, m.generic, wanted.days as wanted, wanted.days * m.covered as covered
            from medicine m cross join the left join away on away.patient_id = m.patient_id cross join lateral (
                select datemultirange(daterange(least(greatest(the.first, m.first), the.ends), the.ends))
                    - coalesce(away.days, '{{}}'::datemultirange) as days
            ) wanted where m.first <= the.ends - {PDC_FROM_DAYS}
        ),
        counted as (
            select patient_id, generic, (select sum(upper(r) - lower(r)) from unnest(wanted) r) as wanted,
                coalesce((select sum(upper(r) - lower(r)) from unnest(covered) r), 0) as covered
            from measured
        )
        select c.patient_id as patient, who.department, who.team_id, who.team, avg(c.covered::numeric / c.wanted) as pdc
        from counted c join who on who.id = c.patient_id where c.wanted > 0 group by 1, 2, 3, 4
    """  # noqa: S608 - our own words


SUPPLIES = Source("supplies", _pdc, frozenset({"day", "week", "month", "department", "team"}), whole=True)
MEDICINES = (
    Measure("pdc", SUPPLIES, "share", "sum(pdc)", "count(*)"),
    Measure("pdc_adherent", SUPPLIES, "percent", f"count(*) filter (where pdc >= {ADHERENT})", "count(*)"),
)
