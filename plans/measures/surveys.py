"""What families say of the service, and of their own taking of medicines (clinical reference §5.5 and §5.6)."""

from plans.measures.measure import WHO, Measure, Source

# The survey of §5.6, and the items of the published platform: 宣教内容匹配度, 医患沟通频率, 个性化提醒有效性.
SATISFACTION, SATISFIED_FROM = "satisfaction", 4
PUBLISHED = ("education", "contact", "reminders")
OVERALL = "overall"
# The three questions of §5.5; below 80 the reasons are asked.
ADHERENCE, ADHERENT_SCORE = "adherence", 80
# An anonymous survey forgets the patient: its department is the one in which most of the team's patients are.
_TEAM = """
    mostly as (
        select distinct on (team_id) team_id, department from (
            select team_id, department, count(*) as patients from who where department <> '' group by 1, 2) counted
        order by team_id, patients desc, department
    ),
    team_of as materialized (
        select team.id, team.name, coalesce(mostly.department, '') as department from team left join mostly on mostly.team_id = team.id
        where cast(:teams as bigint[]) is null or team.id = any(cast(:teams as bigint[]))
    )
"""


def _items(dimensions: frozenset[str]) -> str:
    """Answered items of completed surveys; what was skipped counts nowhere."""
    return f"""
        with {WHO}, {_TEAM}
        select r.id as patient, t.department, t.id as team_id, t.name as team, r.completed_at as at, said.key as item,
            (said.value->>'value')::numeric >= {SATISFIED_FROM} as satisfied
        from questionnaire_response r join team_of t on t.id = r.team_id, jsonb_each(r.answers) said
        where r.questionnaire = '{SATISFACTION}' and r.state = 'completed' and r.completed_at >= :since and r.completed_at < :until
            and jsonb_typeof(said.value->'value') = 'number'
    """  # noqa: S608 - our own words


def _asked(dimensions: frozenset[str]) -> str:
    """Surveys that families were asked to fill in, or began."""
    return f"""
        with {WHO}, {_TEAM}
        select r.id as patient, t.department, t.id as team_id, t.name as team, r.created_at as at, r.state = 'completed' as completed
        from questionnaire_response r join team_of t on t.id = r.team_id
        where r.questionnaire = '{SATISFACTION}' and r.created_at >= :since and r.created_at < :until
    """  # noqa: S608 - our own words


def _adherence(dimensions: frozenset[str]) -> str:
    """Completed self-reports of adherence, 0 to 100 each."""
    return f"""
        with {WHO}
        select r.patient_id as patient, who.department, who.team_id, who.team, r.completed_at as at, r.score
        from questionnaire_response r join who on who.id = r.patient_id
        where r.questionnaire = '{ADHERENCE}' and r.state = 'completed' and r.score is not null
            and r.completed_at >= :since and r.completed_at < :until
    """  # noqa: S608 - our own words


_PLACES = frozenset({"day", "week", "month", "department", "team"})
ITEMS = Source("items", _items, _PLACES)
ASKED = Source("asked", _asked, _PLACES)
SELF_REPORT = Source("self_report", _adherence, _PLACES)


def _of(item: str) -> Measure:
    only = f"item = '{item}'"
    asked = f"count(*) filter (where {only})"
    satisfied = f"count(*) filter (where satisfied and {only})"
    return Measure(f"satisfaction_{item}", ITEMS, "percent", satisfied, asked, people=f"count(distinct patient) filter (where {only})")


SURVEYS = (
    Measure("satisfaction", ITEMS, "percent", "count(*) filter (where satisfied)", "count(*)"),
    *map(_of, (*PUBLISHED, OVERALL)),
    Measure("survey_return", ASKED, "percent", "count(*) filter (where completed)", "count(*)"),
    Measure("self_adherence", SELF_REPORT, "score", f"count(*) filter (where score >= {ADHERENT_SCORE})", "count(*)", value="avg(score)"),
)
