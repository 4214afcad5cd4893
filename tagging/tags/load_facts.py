"""The facts of many patients at once, in as many statements as there are tables; of each only as much as rules look at."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tagging.medicine import find_medicines
from tagging.tags.facts import Diagnosis, Facts, Filled, FollowUp, Lab, Medicine, Message, Reading, Statement, Stay

# How far back rules may look (premise.py: 400 days), and the most that is read of each kind: a hostile record must not cost more.
BACK = timedelta(days=400)
MOST = {
    "each_code": 60, "labs": 400, "conditions": 200, "prescriptions": 200, "stays": 60, "tasks": 100, "responses": 40, "messages": 100,
    "statements": 200,
}  # fmt: skip

_PATIENTS = text(
    """
    select p.id, p.birth_date, p.sex, p.birth_weight_g, p.gestational_age_weeks,
           p.phones <> '[]'::jsonb or coalesce(bool_or(c.phone is not null), false),
           coalesce(bool_or(c.external_userid is not null), false),
           coalesce(bool_or(c.stopped_at is not null and pc.primary), false),
           (select count(*) from care_plan where patient_id = p.id and state in ('active', 'paused'))
    from patient p left join patient_carer pc on pc.patient_id = p.id left join carer c on c.id = pc.carer_id
    where p.id = any(:ids) group by p.id
    """
)
_QUERIES: dict[str, str] = {
    "readings": """
        select who.id, o.id, o.code, o.effective_at, o.value, o.unit, o.detail->>'status'
        from unnest(cast(:ids as bigint[])) as who(id) cross join unnest(cast(:codes as text[])) as of(code) cross join lateral (
            select * from observation where patient_id = who.id and code = of.code and status = 'final' and effective_at > :since
            order by effective_at desc limit :each_code) o order by o.effective_at, o.id""",
    "labs": """
        select who.id, l.id, l.item, l.collected_at, l.value, l.unit from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from lab_result where patient_id = who.id and released_at <= :now and released_at > :since
                and status not in ('registered', 'cancelled', 'entered-in-error')
            order by released_at desc limit :labs) l order by l.collected_at, l.id""",
    "diagnoses": """
        select who.id, c.id, c.icd10, c.text, coalesce(c.onset_at, c.recorded_at)
        from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from condition where patient_id = who.id and status = 'active'
            order by recorded_at desc, id desc limit :conditions) c order by c.recorded_at, c.id""",
    "medicines": """
        select who.id, m.id, m.name, m.status, m.starts_on, m.ends_on, coalesce(m.starts_on::timestamptz, m.updated_at)
        from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from medication_request where patient_id = who.id order by id desc limit :prescriptions) m
        order by m.starts_on nulls first, m.id""",
    "stays": """
        select who.id, e.id, e.kind, e.started_at, e.ended_at from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from encounter where patient_id = who.id and started_at <= :now and state not in ('planned', 'cancelled')
            order by started_at desc limit :stays) e order by e.started_at, e.id""",
    "follow_ups": """
        select who.id, t.id, t.state, t.day, t.sent_at, t.closed_at from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from task where patient_id = who.id and day <= :today order by day desc, id desc limit :tasks) t
        where t.state <> 'scheduled' and t.outcome is distinct from 'told' order by t.day, t.id""",
    "filled": """
        select who.id, q.id, q.questionnaire, q.score, q.completed_at from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from questionnaire_response where patient_id = who.id and state = 'completed' and completed_at > :since
            order by completed_at desc limit :responses) q order by q.completed_at, q.id""",
    "messages": """
        select who.id, i.sent_at, i.msgtype from unnest(cast(:ids as bigint[])) as who(id) join patient_carer pc on pc.patient_id = who.id
        join chat c on c.carer_id = pc.carer_id cross join lateral (
            select * from inbound where chat_id = c.id and origin = 3 order by id desc limit :messages) i
        where i.sent_at > :since order by i.sent_at""",
    "statements": """
        select who.id, s.id, s.code, s.against, s.source, s.ref_kind, s.ref_id, s.because, s.confidence, s.at
        from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select * from tag_statement where patient_id = who.id and read_at is null order by id limit :statements) s
        order by s.at, s.id""",
    "noted": """
        select who.id, s.id, s.code, s.against, s.source, s.ref_kind, s.ref_id, s.because, s.confidence, s.at
        from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
            select distinct on (code, against) * from tag_statement
            where patient_id = who.id and ref_kind = 'clinical_note' and not possible
            order by code, against, at desc, id desc limit :statements) s
        order by s.at, s.id""",
}
_KINDS: Mapping[str, Any] = {
    "readings": Reading,
    "labs": Lab,
    "diagnoses": Diagnosis,
    "stays": Stay,
    "follow_ups": FollowUp,
    "filled": Filled,
    "messages": Message,
    "statements": Statement,
    "noted": Statement,
}
_STATEMENTS = {name: text(query) for name, query in _QUERIES.items()}


async def load_facts(tx: AsyncSession, ids: Sequence[int], codes: Sequence[str], *, now: datetime) -> dict[int, Facts]:
    """The facts of these patients by id; `codes` are the observations that rules look at. Those who do not exist are left out."""
    values = {"ids": list(ids), "codes": list(codes), "since": now - BACK, "now": now, "today": now.date() + timedelta(days=1), **MOST}
    facts: dict[int, Facts] = {}
    for row in (await tx.execute(_PATIENTS, values)).all():
        facts[row[0]] = Facts(*row)
    for name, query in _STATEMENTS.items():
        make = _medicine if name == "medicines" else _KINDS[name]._make
        of = {id: getattr(each, name) for id, each in facts.items()}
        for row in (await tx.execute(query, values)).all():
            if row[0] in of:
                of[row[0]].append(make(row[1:]))
    return facts


def _medicine(row: Sequence[Any]) -> Medicine:
    return Medicine._make((*row, *_substance(row[1][:100])))


@lru_cache(maxsize=4096)
def _substance(name: str) -> tuple[str, str, str | None]:
    """Generic name, class and ATC code of what a prescription names; empty where the list does not know it."""
    known = next((each for each in find_medicines(name) if each.generic), None)
    return (known.generic or "", known.drug_class or "", known.atc) if known else ("", "", None)
