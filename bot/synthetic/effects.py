"""What reports count in the synthetic hospital: consent, visits, prescriptions, alerts and surveys. Everything is over: nothing of it calls
anybody. The draws are those of statements.py."""

_CONSENTS = """
insert into consent (id, patient_id, carer_id, external_userid, answer, text_version, relationship, by, at)
select c.id, c.id, c.id, c.external_userid, 'given', '1', '母亲', 'synthetic', cast(:now as timestamptz) - interval '1 day' * :days
from carer c where c.id between :first and :last and pg_temp.draw(c.id, 200) < 0.9
"""
# Two visits of those on a plan; most of those that have passed were kept, some were called off.
_APPOINTMENTS = """
insert into appointment (id, patient_id, source, source_id, updated_at, said_at, starts_at, department, status)
select c.id * 2 + k, c.patient_id, 'synthetic', 'a' || c.id || '-' || k, :now, '{}', at, w.department,
    case when pg_temp.draw(c.id, 220 + k) < 0.1 then 'cancelled' when at > :now or pg_temp.draw(c.id, 230 + k) < 0.25 then 'booked'
        else 'fulfilled' end
from care_plan c join patient p on p.id = c.patient_id join synthetic_ward w on w.team_id = p.team_id, generate_series(0, 1) k,
    lateral (select cast(:now as timestamptz) - interval '1 second' * floor(86400 * (least(:days, 120) * pg_temp.draw(c.id, 210 + k) - 20)))
        past (at)
where c.id between :first and :last
"""
# A medicine for years, renewed month by month, sometimes late.
_PRESCRIPTIONS = """
insert into medication_request (id, patient_id, source, source_id, updated_at, said_at, name, times, starts_on, ends_on, status)
select p.id * 4 + k, p.id, 'synthetic', 'm' || p.id || '-' || k, :now, '{}',
    (array['左乙拉西坦', '孟鲁司特', '甲氨蝶呤'])[1 + floor(3 * pg_temp.draw(p.id, 241))::int], '[]', day, day + 27, 'active'
from patient p, generate_series(0, 3) k,
    lateral (select cast(:today as date) - 112 + 28 * k + floor(20 * power(pg_temp.draw(p.id, 250 + k), 3))::int) first (day)
where p.id between :first and :last and pg_temp.draw(p.id, 240) < 0.12 and day >= p.birth_date
"""
_ALERTS = """
insert into flag (id, patient_id, team_id, level, category, categories, said, because, evidence, state, tier, round, repeats, outcome,
    raised_at, delivered_at, acknowledged_at, closed_at)
select p.id, p.id, p.team_id, level, 'synthetic', '[]', :because, :because, '[]', 'closed', 1, 0, 0, 'handled',
    at, at + interval '5 seconds', at + taken, at + taken + interval '1 minute' * (1 + floor(40 * pg_temp.draw(p.id, 264)))
from patient p,
    lateral (select (array['emergency', 'urgent', 'same_day', 'same_day'])[1 + floor(4 * pg_temp.draw(p.id, 261))::int]) of (level),
    lateral (select cast(:now as timestamptz) - interval '1 second' * floor(86400 * (1 + (:days - 1) * pg_temp.draw(p.id, 262)))) past (at),
    lateral (select interval '1 second' * (20 + case level when 'emergency' then 200 when 'urgent' then 2400 else 30000 end
        * power(pg_temp.draw(p.id, 263), 2))) wait (taken)
where p.id between :first and :last and pg_temp.draw(p.id, 260) < 0.1
"""
_REVIEWS = """
insert into flag_review (flag_id, useful, by, at)
select f.id, pg_temp.draw(f.id, 271) < 0.8, 'synthetic', f.closed_at from flag f
where f.id between :first and :last and pg_temp.draw(f.id, 270) < 0.5
"""
_SURVEYS = """
insert into questionnaire_response (id, questionnaire, version, team_id, state, answers, tried, created_by, created_at, completed_at)
select p.id, 'satisfaction', 1, p.team_id, 'completed', (
        select jsonb_object_agg(item, jsonb_build_object('value', 2 + floor(4 * power(pg_temp.draw(p.id, 290 + n), 0.5))::int, 'at', at))
        from unnest(array['ease', 'response', 'education', 'contact', 'reminders', 'emergencies', 'clarity', 'privacy', 'help', 'overall'])
            with ordinality as asked (item, n)
    ), 0, 'synthetic', at, at + interval '5 minutes'
from patient p,
    lateral (select cast(:now as timestamptz) - interval '1 second' * floor(86400 * (1 + (:days - 1) * pg_temp.draw(p.id, 281)))) past (at)
where p.id between :first and :last and pg_temp.draw(p.id, 280) < 0.08
"""

EFFECTS = {
    "consent": _CONSENTS,
    "appointment": _APPOINTMENTS,
    "medication_request": _PRESCRIPTIONS,
    "flag": _ALERTS,
    "flag_review": _REVIEWS,
    "questionnaire_response": _SURVEYS,
}
