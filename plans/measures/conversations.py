"""Measures of the assistant: what families wrote, how much of it was understood, taken back, or became a person's."""

from plans.measures.measure import WHO, Measure, Source
from records.message import CUSTOMER

# What the dialogue says where it has not understood a message.
FALLBACK = "nlu_fallback"
# The family's next message within so many minutes took back what was understood: the message before was read wrong.
CORRECTING, CORRECTED_MINUTES = ("correct_report",), 10
# How a message was handled without a person: see the `answer` of its outcome.
BY_PEOPLE = ("human_owns", "language", "trouble")
ALARMING = "level in ('emergency', 'urgent', 'same_day')"


def _messages(dimensions: frozenset[str]) -> str:
    """What families wrote in the period. `read`: the dialogue read it; `missed`: without understanding it; `corrected`: the next message
    of the chat took back what was understood."""
    correcting = ", ".join(f"'{each}'" for each in CORRECTING)
    people = ", ".join(f"'{each}'" for each in BY_PEOPLE)
    return f"""
        with {WHO}, wrote as (
            select i.chat_id, i.sent_at as at, i.outcome->>'answer' as answer, i.outcome->>'triage' as level, i.outcome->'read' as read,
                lead(i.outcome->'read'->>'intent') over (partition by i.chat_id order by i.id) as next_intent,
                lead(i.sent_at) over (partition by i.chat_id order by i.id) as next_at
            from inbound i where i.origin = {CUSTOMER}
                and i.sent_at >= :since and i.sent_at < cast(:until as timestamptz) + interval '{CORRECTED_MINUTES} minutes'
        )
        select coalesce(c.patient_id, -c.id) as patient, coalesce(who.department, '') as department, c.team_id, team.name as team, w.at,
            w.at as hour_at, coalesce(w.answer, '') as answer, coalesce(w.level, '') as level,
            w.answer is not null and w.answer not in ({people}) as alone, w.read is not null as read,
            coalesce((w.read->>'missed')::boolean, false) or (w.read->>'intent' = '{FALLBACK}' and not w.read ? 'form') as missed,
            coalesce(w.next_intent in ({correcting}) and w.next_at <= w.at + interval '{CORRECTED_MINUTES} minutes', false) as corrected
        from wrote w join chat c on c.id = w.chat_id join team on team.id = c.team_id left join who on who.id = c.patient_id
        where w.at < :until and (cast(:teams as bigint[]) is null or c.team_id = any(cast(:teams as bigint[])))
    """  # noqa: S608 - our own words


def _talks(dimensions: frozenset[str]) -> str:
    """Chats by day on which the family wrote. `handed`: a person took the chat over that day."""
    return f"""
        with {WHO}, days as (
            select i.chat_id, cast(timezone(:zone, i.sent_at) as date) as day, min(i.sent_at) as at from inbound i
            where i.origin = {CUSTOMER} and i.sent_at >= :since and i.sent_at < :until group by 1, 2
        ),
        taken as (
            select distinct s.entity_id as chat_id, cast(timezone(:zone, s.at) as date) as day from state_change s
            where s.entity = 'chat' and s.old = 'bot' and s.new = 'human' and s.at >= :since and s.at < :until
        )
        select coalesce(c.patient_id, -c.id) as patient, coalesce(who.department, '') as department, c.team_id, team.name as team, d.at,
            d.at as hour_at, taken.chat_id is not null as handed
        from days d join chat c on c.id = d.chat_id join team on team.id = c.team_id left join who on who.id = c.patient_id
        left join taken on taken.chat_id = d.chat_id and taken.day = d.day
        where cast(:teams as bigint[]) is null or c.team_id = any(cast(:teams as bigint[]))
    """  # noqa: S608 - our own words


_PLACES = frozenset({"day", "week", "month", "department", "team", "hour", "weekday"})
MESSAGES = Source("messages", _messages, _PLACES | {"answer", "level"})
TALKS = Source("talks", _talks, _PLACES)


def _of_read(id: str, numerator: str) -> Measure:
    people = "count(distinct patient) filter (where read)"
    return Measure(id, MESSAGES, "percent", f"count(*) filter (where read and {numerator})", "count(*) filter (where read)", people=people)


CONVERSATIONS = (
    Measure("answered_alone", MESSAGES, "percent", "count(*) filter (where alone)", "count(*)"),
    _of_read("understood", "not missed"),
    _of_read("corrected", "corrected"),
    Measure(
        "messages_alarming",
        MESSAGES,
        "percent",
        f"count(*) filter (where {ALARMING})",
        "count(*) filter (where level <> '')",
        people="count(distinct patient) filter (where level <> '')",
    ),
    Measure("handed_over", TALKS, "percent", "count(*) filter (where handed)", "count(*)"),
)
