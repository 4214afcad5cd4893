"""Measures of staff: what each clinician took and finished. Counts of work, not of effort: nobody writes down his minutes."""

from plans.measures.measure import WHO, Measure, Source

KINDS = ("alerts_taken", "alerts_ended", "chats_taken", "errands_ended")


def _done(dimensions: frozenset[str]) -> str:
    """One row for each alert that somebody took or closed, each chat that became his, each errand that he finished, in the period."""
    ours = "(cast(:teams as bigint[]) is null or {}.team_id = any(cast(:teams as bigint[])))"
    return f"""
        with {WHO}, done as (
            select 'alerts_taken' as kind, f.owner_id, f.acknowledged_at as at, coalesce(f.patient_id, -f.chat_id) as patient, f.team_id
            from flag f where f.acknowledged_at >= :since and f.acknowledged_at < :until and {ours.format("f")}
            union all
            select 'alerts_ended', f.owner_id, f.closed_at, coalesce(f.patient_id, -f.chat_id), f.team_id
            from flag f where f.closed_at >= :since and f.closed_at < :until and {ours.format("f")}
            union all
            select 'chats_taken', s.id, t.at, coalesce(c.patient_id, -c.id), c.team_id
            from state_change t join chat c on c.id = t.entity_id join staff s on s.userid = t.by
            where t.entity = 'chat' and t.new = 'human' and t.at >= :since and t.at < :until and {ours.format("c")}
            union all
            select 'errands_ended', e.owner_id, e.closed_at, e.patient_id, e.team_id
            from errand e where e.state = 'done' and e.closed_at >= :since and e.closed_at < :until and {ours.format("e")}
        )
        select d.kind, d.at, d.at as hour_at, d.patient, coalesce(who.department, '') as department, d.team_id, team.name as team,
            s.userid as staff
        from done d join staff s on s.id = d.owner_id join team on team.id = d.team_id left join who on who.id = d.patient
    """  # noqa: S608 - our own words


DONE = Source("staff", _done, frozenset({"day", "week", "month", "department", "team", "hour", "weekday", "staff"}))


def _of(kind: str) -> Measure:
    count = f"count(*) filter (where kind = '{kind}')"
    return Measure(kind, DONE, "count", count, "count(*)", value=count, people=f"count(distinct patient) filter (where kind = '{kind}')")


STAFF = tuple(map(_of, KINDS))
