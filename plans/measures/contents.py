"""Measures of contents: shown to families, opened, read to the end, and found useful."""

from plans.measures.measure import WHO, Measure, Source


def _shown(dimensions: frozenset[str]) -> str:
    """Contents that were shown to families in the period, in answers and as pushes."""
    return f"""
        with {WHO}
        select coalesce(r.patient_id, -r.chat_id) as patient, coalesce(who.department, '') as department, c.team_id, team.name as team,
            r.article as content, r.at, r.opened_at, r.finished_at, r.useful
        from content_read r join chat c on c.id = r.chat_id join team on team.id = c.team_id left join who on who.id = r.patient_id
        where r.at >= :since and r.at < :until and (cast(:teams as bigint[]) is null or c.team_id = any(cast(:teams as bigint[])))
    """  # noqa: S608 - our own words


SHOWN = Source("contents", _shown, frozenset({"day", "week", "month", "department", "team", "content"}))

CONTENTS = (
    Measure("content_opened", SHOWN, "percent", "count(opened_at)", "count(*)"),
    Measure(
        "content_finished",
        SHOWN,
        "percent",
        "count(*) filter (where opened_at is not null and finished_at is not null)",
        "count(opened_at)",
        people="count(distinct patient) filter (where opened_at is not null)",
    ),
    Measure(
        "content_useful",
        SHOWN,
        "percent",
        "count(*) filter (where useful)",
        "count(useful)",
        people="count(distinct patient) filter (where useful is not null)",
    ),
)
