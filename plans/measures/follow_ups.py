"""Measures of follow-ups: completion, response, contacts that took place, and what became of each."""

from plans.measures.disposition import ANSWERED, DUE, REACHED, Disposition, as_sql, listed
from plans.measures.measure import WHO, Measure, Source
from records.contact import NOT_MADE

_D = as_sql("task")
# Clinical reference §7: messages answered within 48 h.
ANSWER_HOURS = 48
# The route of the last attempt that was made, else of the last one; a follow-up may share an attempt with others.
_ROUTES = f"""
    routes as (
        select distinct on (of_task) of_task, route from contact, unnest(tasks) of_task
        where at >= cast(:since as timestamptz) - interval '2 days' and at < cast(:until as timestamptz) + interval '31 days'
        order by of_task, state in ({", ".join(f"'{each}'" for each in sorted(NOT_MADE))}), at desc
    )
"""  # noqa: S608 - our own words
_WORDING = "coalesce((select c.chosen from send_choice c where c.task_id = task.id), 'plain')"


_HEARD = f"""
        left join lateral (
            select min(c.at) as at from state_change c where c.entity = 'task' and c.entity_id = task.id and c.by <> 'system'
                and c.new in ('started', 'partial', 'done', 'declined') and {_D} in {listed(ANSWERED)}
        ) heard on true
"""  # noqa: S608 - our own words


def _tasks(dimensions: frozenset[str], *, timed: bool = True) -> str:
    """Follow-ups that were due in the period and whose time is over by now, without those that were cancelled.

    `hours` is from the opening to the first word of the family, which for rows without a history is the end of the task.
    """
    by_route = "route" in dimensions
    route = "coalesce(routes.route, '')" if by_route else "''"
    join = "left join routes on routes.of_task = task.id" if by_route else ""
    heard = _HEARD if timed else "cross join (select null::timestamptz as at) heard"
    wording = _WORDING if "wording" in dimensions else "''"
    return f"""
        with {WHO}{", " + _ROUTES if by_route else ""}
        select task.patient_id as patient, who.department, who.team_id, who.team, care_plan.template as plan, task.step, task.day,
            task.due_at as at, coalesce(task.sent_at, task.due_at) as hour_at, {_D} as d, task.useful_until,
            task.closed_at, task.sent_at, {route} as route, {wording} as wording,
            case when {_D} in {listed(ANSWERED)} and task.sent_at is not null then
                extract(epoch from coalesce(heard.at, task.closed_at) - task.sent_at) / 3600 end as hours
        from task join who on who.id = task.patient_id join care_plan on care_plan.id = task.care_plan_id {join}
        {heard}
        where task.due_at >= :since and task.due_at < :until and task.due_at <= :now
            and {_D} in {listed(DUE)} and (task.closed_at is not null or task.useful_until <= :now)
    """  # noqa: S608 - our own words


# A visit of a plan counts as kept within so many days of its date (R: "agreed days per plan" where a plan says nothing).
VISIT_WINDOW_DAYS = 7
# Stays and visits that count as having come: not those that were only planned.
CAME = "e.kind in ('outpatient', 'home') and e.state in ('in-progress', 'finished')"
# Visits that the hospital booked for patients on a plan; a cancelled one does not count, whoever cancelled it: the hospital does not say.
BOOKED = """
    select a.id, a.patient_id, a.starts_at as at, a.status, who.department, who.team_id, who.team,
        (select c.template from care_plan c where c.patient_id = a.patient_id and c.created_at <= a.starts_at
            order by c.created_at desc, c.id desc limit 1) as plan
    from appointment a join who on who.id = a.patient_id
    where a.starts_at >= :since and a.starts_at < :until and a.starts_at <= :now and a.status <> 'cancelled'
        and exists (select from care_plan c where c.patient_id = a.patient_id and c.created_at <= a.starts_at)
"""


def _contacts(dimensions: frozenset[str]) -> str:
    """Planned contacts: all that a plan asked of a patient on one day is one, a booked visit is one. `held`: it took place in its time."""
    return f"""
        with tasks as ({_tasks(frozenset(), timed=False)}), {WHO}, booked as ({BOOKED})
        select patient, department, team_id, team, plan, min(at) as at, min(at) as hour_at,
            bool_or(d in ('done', 'partial') and (closed_at is null or closed_at <= useful_until)) as held
        from tasks group by patient, department, team_id, team, plan, day
        union all
        select b.patient_id, b.department, b.team_id, b.team, b.plan, b.at, b.at, b.status = 'fulfilled' or exists (
            select from encounter e where e.patient_id = b.patient_id and {CAME}
                and e.started_at between b.at - interval '{VISIT_WINDOW_DAYS} days' and b.at + interval '{VISIT_WINDOW_DAYS} days')
        from booked b
    """  # noqa: S608 - our own words


TASKS = Source(
    "tasks", _tasks, frozenset({"day", "week", "month", "department", "team", "plan", "step", "hour", "weekday", "route", "wording"})
)
CONTACTS = Source("contacts", _contacts, frozenset({"day", "week", "month", "department", "team", "plan", "weekday"}))
# What the family answered has come to it, whoever told it.
_CAME = f"d in {listed(REACHED)} and (sent_at is not null or d in {listed(ANSWERED)})"
_NEVER = f"count(distinct patient) filter (where d = '{Disposition.NEVER_REACHED}')"
_REACHED = f"count(*) filter (where d in {listed(REACHED)} and sent_at is not null)"
_PEOPLE_REACHED = f"count(distinct patient) filter (where d in {listed(REACHED)} and sent_at is not null)"

FOLLOW_UPS = (
    Measure(
        "completion",
        TASKS,
        "percent",
        f"count(*) filter (where d = '{Disposition.DONE}' and (closed_at is null or closed_at <= useful_until))",
        "count(*)",
    ),
    Measure("reached", TASKS, "percent", f"count(*) filter (where {_CAME})", "count(*)"),
    Measure("answered", TASKS, "percent", f"count(*) filter (where d in {listed(ANSWERED)})", "count(*)"),
    Measure("unreached", TASKS, "percent", _NEVER, "count(distinct patient)"),
    Measure("response", TASKS, "percent", f"count(*) filter (where hours <= {ANSWER_HOURS})", _REACHED, people=_PEOPLE_REACHED),
    Measure(
        "response_time",
        TASKS,
        "hours",
        "count(hours)",
        _REACHED,
        value="percentile_cont(0.5) within group (order by hours)",
        more={"p90": "percentile_cont(0.9) within group (order by hours)"},
        people=_PEOPLE_REACHED,
    ),
    Measure("follow_up", CONTACTS, "percent", "count(*) filter (where held)", "count(*)"),
    *(
        Measure(f"disposition_{each}", TASKS, "percent", f"count(*) filter (where d = '{each}')", "count(*)")
        for each in Disposition
        if each in DUE
    ),
)
