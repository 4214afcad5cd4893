"""Measures of patients: return visits, records, daily contact, and who has been lost."""

from plans.measures.disposition import ANSWERED, ENDED, as_sql, listed
from plans.measures.follow_ups import BOOKED, CAME
from plans.measures.measure import WHO, Measure, Source
from records.message import CUSTOMER

_PLACES = frozenset({"day", "week", "month", "department", "team"})
# wecom-api §3.4: what a customer wrote; entering the chat and what we send are others.
# Clinical reference §7: no answer for two planned contacts, or for 60 days.
LOST_CONTACTS, LOST_DAYS = 2, 60


def _visits(dimensions: frozenset[str]) -> str:
    """Patients whose plan had a visit due: a booked one, or a step of the kind visit. `came`: at least once in the period."""
    return f"""
        with {WHO}, booked as ({BOOKED}), due as (
            select patient_id, department, team_id, team, plan, bool_or(status = 'fulfilled') as kept from booked group by 1, 2, 3, 4, 5
            union all
            select t.patient_id, who.department, who.team_id, who.team, c.template, false
            from task t join care_plan c on c.id = t.care_plan_id join who on who.id = t.patient_id
            where t.due_at >= :since and t.due_at < :until and t.due_at <= :now and t.state <> 'withdrawn'
                and (c.template, t.step) in (select * from unnest(cast(:visit_plans as text[]), cast(:visit_steps as text[])))
        )
        select patient_id as patient, department, team_id, team, plan, kept or exists (
            select from encounter e where e.patient_id = due.patient_id and {CAME}
                and e.started_at >= :since and e.started_at < :until and e.started_at <= :now
        ) as came from due
    """  # noqa: S608 - our own words


def _records(dimensions: frozenset[str]) -> str:
    """Patients discharged or seen in the period, in the department that saw them. `complete`: identity, diagnosis, a date to count from,
    a guardian, and consent."""
    return f"""
        with {WHO}, seen as (
            select e.patient_id, e.department, bool_or(e.kind = 'inpatient') as discharged from encounter e
            where e.state in ('in-progress', 'finished') and ((e.kind = 'inpatient' and e.ended_at >= :since and e.ended_at < :until)
                or (e.kind in ('outpatient', 'emergency', 'home') and e.started_at >= :since and e.started_at < :until))
            group by 1, 2
        )
        select seen.patient_id as patient, seen.department, who.team_id, who.team,
            p.name <> '' and p.sex is not null
            and exists (select from condition c where c.patient_id = p.id and c.status = 'active')
            and (seen.discharged or exists (select from care_plan c where c.patient_id = p.id and c.anchors <> '{{}}'))
            and exists (select from patient_carer c where c.patient_id = p.id)
            and coalesce((select c.answer = 'given' from consent c where c.patient_id = p.id order by c.id desc limit 1), false) as complete
        from seen join who on who.id = seen.patient_id join patient p on p.id = seen.patient_id where p.died_at is null
    """  # noqa: S608 - our own words


def _interactions(dimensions: frozenset[str]) -> str:
    """Patients by day with a message of the family, or a follow-up that it finished. What the assistant sends does not count."""
    return f"""
        with {WHO}, days as (
            select c.patient_id, cast(timezone(:zone, i.sent_at) as date) as day from inbound i join chat c on c.id = i.chat_id
            where i.sent_at >= :since and i.sent_at < :until and i.origin = {CUSTOMER} and c.patient_id is not null
            union
            select t.patient_id, cast(timezone(:zone, t.closed_at) as date) from task t
            where t.due_at >= cast(:since as timestamptz) - interval '31 days' and t.due_at < :until
                and {as_sql("t")} in ('done', 'declined')
                and t.closed_at >= :since and t.closed_at < :until
        )
        select days.patient_id as patient, who.department, who.team_id, who.team from days join who on who.id = days.patient_id
    """  # noqa: S608 - our own words


def _followed(dimensions: frozenset[str]) -> str:
    """Patients on a plan at the end of the period (or now). `lost`: the last two planned contacts, or 60 days, without an answer."""
    d = as_sql("t")
    return f"""
        with {WHO}, the as (select least(cast(:until as timestamptz), cast(:now as timestamptz)) as ends),
        on_plan as (
            select c.patient_id, min(c.created_at) as since, min(c.template) as plan from care_plan c, the
            where c.created_at < the.ends and (c.state in ('active', 'paused') or exists (
                select from state_change s where s.entity = 'care_plan' and s.entity_id = c.id and s.new in ('ended', 'withdrawn')
                    and s.at >= the.ends))
            group by 1
        ),
        heard as (
            select c.patient_id from inbound i join chat c on c.id = i.chat_id, the
            where i.origin = {CUSTOMER} and i.sent_at >= the.ends - interval '{LOST_DAYS} days' and i.sent_at < the.ends
            union
            select t.patient_id from task t, the where t.due_at >= the.ends - interval '{LOST_DAYS + 31} days' and t.due_at < the.ends
                and {d} in {listed(ANSWERED)} and coalesce(t.closed_at, t.due_at) >= the.ends - interval '{LOST_DAYS} days'
        )
        select o.patient_id as patient, who.department, who.team_id, who.team, o.plan,
            coalesce(last.silent, false)
            or (o.since < the.ends - interval '{LOST_DAYS} days' and not exists (select from heard h where h.patient_id = o.patient_id))
            as lost
        from on_plan o join who on who.id = o.patient_id cross join the left join lateral (
            select count(*) = {LOST_CONTACTS} and bool_and(d not in {listed(ANSWERED)}) as silent from (
                select {d} as d from task t where t.patient_id = o.patient_id and t.due_at < the.ends and {d} in {listed(ENDED)}
                order by t.day desc, t.due_at desc limit {LOST_CONTACTS}) latest
        ) last on true
        where who.died_at is null
    """  # noqa: S608 - our own words


VISITS = Source("visits", _visits, _PLACES | {"plan"}, whole=True)
RECORDS = Source("records", _records, _PLACES, whole=True)
INTERACTIONS = Source("interactions", _interactions, _PLACES, whole=True)
FOLLOWED = Source("followed", _followed, _PLACES | {"plan"}, whole=True)

PEOPLE = (
    Measure("return_visit", VISITS, "percent", "count(distinct patient) filter (where came)", "count(distinct patient)"),
    Measure("record_building", RECORDS, "percent", "count(distinct patient) filter (where complete)", "count(distinct patient)"),
    # The denominator is how many days of the period have begun.
    Measure("daily_interacting", INTERACTIONS, "per_day", "count(*)", "max(:days)"),
    Measure("lost", FOLLOWED, "percent", "count(*) filter (where lost)", "count(*)"),
)
