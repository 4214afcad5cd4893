"""Measures of alerts: how fast they are taken and closed, what came of them, and what all this costs clinicians in minutes."""

from plans.measures.measure import WHO, Measure, Source

# Clinical reference §7: emergency within 2 min, urgent within 30 min, same_day on the same day. §1: what comes after 20:00 is the next
# day's.
WITHIN_MINUTES = {"emergency": 2, "urgent": 30}
LATE_FROM_HOURS = 4
LEVELS = ("emergency", "urgent", "same_day")
# An estimate: nobody writes down his minutes. A taken alert and a chat that a person owns count while they last, but no longer than this,
# because they are often closed long after the last word; an errand that was done counts as a phone call (all R).
MOST_MINUTES, ERRAND_MINUTES = 30, 5


def _alerts(dimensions: frozenset[str]) -> str:
    """Alerts that were raised in the period. `minutes` is until a clinician first took it (or closed it); null while nobody has."""
    return f"""
        with {WHO}
        select coalesce(f.patient_id, -f.chat_id) as patient, coalesce(who.department, '') as department, f.team_id, team.name as team,
            f.raised_at as at, f.raised_at as hour_at, f.level, extract(epoch from taken.at - f.raised_at) / 60 as minutes, r.useful,
            extract(epoch from f.closed_at - f.raised_at) / 60 as until_closed, f.state = 'closed' as closed,
            coalesce(f.outcome, '') as outcome,
            case f.level when 'emergency' then taken.at <= f.raised_at + interval '{WITHIN_MINUTES["emergency"]} minutes'
                when 'urgent' then taken.at <= f.raised_at + interval '{WITHIN_MINUTES["urgent"]} minutes'
                when 'same_day' then cast(timezone(:zone, taken.at) as date)
                    <= cast(timezone(:zone, f.raised_at + interval '{LATE_FROM_HOURS} hours') as date) end as in_time
        from flag f join team on team.id = f.team_id left join who on who.id = f.patient_id left join flag_review r on r.flag_id = f.id
        left join lateral (select coalesce(
            (select min(c.at) from state_change c where c.entity = 'flag' and c.entity_id = f.id and c.new = 'acknowledged'),
            f.acknowledged_at, f.closed_at) as at) taken on true
        where f.raised_at >= :since and f.raised_at < :until
            and (cast(:teams as bigint[]) is null or f.team_id = any(cast(:teams as bigint[])))
    """  # noqa: S608 - our own words


def _minutes(dimensions: frozenset[str]) -> str:
    """Patients on a plan or with work done for them, and the clinicians' minutes on each. What overlaps in one chat counts once."""
    most = f"interval '{MOST_MINUTES} minutes'"
    return f"""
        with {WHO}, owned as (
            select entity_id as chat_id, at as begins, new, lead(at) over (partition by entity_id order by id) as ends
            from state_change where entity = 'chat' and at >= cast(:since as timestamptz) - interval '7 days'
        ),
        spells as (
            select coalesce(f.patient_id, c.patient_id) as patient_id, f.chat_id,
                tstzrange(f.acknowledged_at, least(coalesce(f.closed_at, :now), f.acknowledged_at + {most})) as spell
            from flag f left join chat c on c.id = f.chat_id
            where f.acknowledged_at >= :since and f.acknowledged_at < :until and f.acknowledged_at <= coalesce(f.closed_at, :now)
            union all
            select c.patient_id, o.chat_id, tstzrange(o.begins, least(coalesce(o.ends, :now), o.begins + {most}))
            from owned o join chat c on c.id = o.chat_id
            where o.new = 'human' and o.begins >= :since and o.begins < :until and o.begins <= coalesce(o.ends, :now)
        ),
        joined as (select patient_id, chat_id, range_agg(spell) as spells from spells where patient_id is not null group by 1, 2),
        spent as (
            select patient_id, (select sum(extract(epoch from upper(r) - lower(r))) / 60 from unnest(spells) r) as minutes from joined
            union all
            select patient_id, {ERRAND_MINUTES} from errand where state = 'done' and closed_at >= :since and closed_at < :until
            union all
            select patient_id, 0 from care_plan where state = 'active' and created_at < :until
        )
        select who.id as patient, who.department, who.team_id, who.team, sum(coalesce(spent.minutes, 0)) as minutes
        from spent join who on who.id = spent.patient_id group by 1, 2, 3, 4
    """  # noqa: S608 - our own words


_PLACES = frozenset({"day", "week", "month", "department", "team"})
ALERTS_RAISED = Source("alerts", _alerts, _PLACES | {"level", "outcome", "hour", "weekday"})
WORK = Source("work", _minutes, _PLACES, whole=True)


def _of(level: str) -> tuple[Measure, Measure, Measure]:
    only = f"level = '{level}'"
    people = f"count(distinct patient) filter (where {only})"

    def until(name: str, minutes: str) -> Measure:
        return Measure(
            f"{name}_{level}",
            ALERTS_RAISED,
            "minutes",
            f"count({minutes}) filter (where {only})",
            f"count(*) filter (where {only})",
            value=f"percentile_cont(0.5) within group (order by {minutes}) filter (where {only})",
            more={"p90": f"percentile_cont(0.9) within group (order by {minutes}) filter (where {only})"},
            people=people,
        )

    return (
        until("alert_response", "minutes"),
        Measure(
            f"alert_in_time_{level}",
            ALERTS_RAISED,
            "percent",
            f"count(*) filter (where {only} and in_time)",
            f"count(*) filter (where {only})",
            people=people,
        ),
        until("alert_close", "until_closed"),
    )


ALERTS = (
    *(measure for level in LEVELS for measure in _of(level)),
    Measure("alerts_closed", ALERTS_RAISED, "percent", "count(*) filter (where closed)", "count(*)"),
    Measure(
        "alert_precision",
        ALERTS_RAISED,
        "percent",
        "count(*) filter (where useful)",
        "count(useful)",
        people="count(distinct patient) filter (where useful is not null)",
    ),
    Measure("clinician_minutes", WORK, "minutes_each", "sum(minutes)", "count(*)"),
)
