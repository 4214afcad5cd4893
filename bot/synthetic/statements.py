"""What fills the synthetic hospital: one statement a table, for the patients from `:first` to `:last`.

Every draw is a hash of the patient, the question and the seed, so that the same seed makes the same hospital whatever the order, and any
part of it can be made by itself. Keys are reckoned from the patient's.
"""

from bot.synthetic.effects import EFFECTS

DRAW = """
create or replace function pg_temp.draw(who bigint, what bigint) returns double precision language sql immutable parallel safe as
$$ select ((hashint8extended(who, what * 1000003 + {seed}) >> 11) & 1048575)::double precision / 1048576 $$
"""
# Kilograms at an age in days: a smooth curve near the median of both sexes (3.3 kg at birth, 9.6 kg at one year, then 2.3 kg a year,
# and 4 kg a year from ten). Plausible, not a growth standard.
WEIGHT = """
create or replace function pg_temp.kilograms(days integer) returns double precision language sql immutable parallel safe as
$$ select 3.3 + 6.5 * (1 - exp(-days / 135.0)) + greatest(0, days - 365) / 365.25 * 2.3 + greatest(0, days - 3652) / 365.25 * 1.7 $$
"""

_PATIENTS = """
insert into drawn_patient
    (id, team_id, record_number, name, sex, birth_date, birth_weight_g, gestational_age_weeks, tags, phones, mother, said_at)
select n, w.team_id, 'SYN-' || lpad(n::text, 8, '0'),
    (cast(:surnames as text[]))[1 + floor(pg_temp.draw(n, 1) * cardinality(cast(:surnames as text[])))::int]
        || (cast(:given as text[]))[1 + floor(pg_temp.draw(n, 2) * cardinality(cast(:given as text[])))::int] || :marked,
    case when pg_temp.draw(n, 3) < 0.53 then 'M' else 'F' end,
    cast(:today as date) - w.youngest - floor((w.oldest - w.youngest) * power(pg_temp.draw(n, 4), 1.5))::int,
    round((2000 + 1900 * pg_temp.draw(n, 5))::numeric, -1), 33 + floor(8 * pg_temp.draw(n, 5))::int,
    coalesce((select jsonb_agg(t.code order by t.code) from synthetic_chance c join tag t on t.id = c.tag_id
        where c.team_id = w.team_id and t.code = any(cast(:triage as text[]))
            and pg_temp.draw(n, 1000 + c.channel) >= c.low and pg_temp.draw(n, 1000 + c.channel) < c.high), '[]'),
    '[]', '[]', '{}'
from generate_series(:first, :last) n join synthetic_ward w on pg_temp.draw(n, 0) >= w.low and pg_temp.draw(n, 0) < w.high
"""
_ENCOUNTERS = """
insert into encounter (id, patient_id, kind, department, state, started_at, ended_at, said_at)
select p.id * 4 + k, p.id, case when k = 0 then 'inpatient' else 'outpatient' end, w.department, 'finished',
    at - interval '4 days' * (k = 0)::int, at, '{}'
from patient p join synthetic_ward w on w.team_id = p.team_id, generate_series(0, 2) k,
    lateral (select cast(:now as timestamptz) - interval '1 second' * (3600 + floor(86400 * :days * pg_temp.draw(p.id, 10 + k)))) past (at)
where p.id between :first and :last and pg_temp.draw(p.id, 20 + k) < (array[0.6, 0.7, 0.4])[k + 1]
    and cast(at as date) - 5 > p.birth_date
"""
_CONDITIONS = """
insert into condition (id, patient_id, source, source_id, updated_at, said_at, code, system, text, icd10, status, recorded_at)
select p.id, p.id, 'synthetic', 'c' || p.id, :now, '{}', w.icd, 'ICD-10', w.diagnosis, w.icd, 'active', :now
from patient p join synthetic_ward w on w.team_id = p.team_id where p.id between :first and :last
"""
# One for a visit in three, in the form in which such notes are written. Its reader has been here: the tags are drawn, not read.
_NOTES = """
insert into clinical_note
    (id, patient_id, source, source_id, updated_at, said_at, kind, title, text, author, report, status, written_at, read_by)
select e.id, e.patient_id, 'synthetic', 'n' || e.id, e.started_at, '{}', called, called,
    '主诉：' || w.diagnosis || case when e.kind = 'inpatient' then '，入院治疗。' else '复诊。' end || chr(10)
        || '家族史：无特殊。' || chr(10) || '诊断：' || w.diagnosis || chr(10) || '处理：随访。' || :because,
    '医生' || :marked, false, 'final', coalesce(e.ended_at, e.started_at), :reader
from encounter e join patient p on p.id = e.patient_id join synthetic_ward w on w.team_id = p.team_id,
    lateral (select case when e.kind = 'inpatient' then '出院小结' else '门诊病历' end) named (called)
where e.patient_id between :first and :last and pg_temp.draw(e.id, 160) < 0.33
"""
# Weights of the last weeks: most gain as they should, some too little, a few lose. One in five has had its temperature taken.
_OBSERVATIONS = """
insert into observation (id, patient_id, code, value, unit, status, effective_at, recorded_at, detail, said_at)
select p.id * 8 + k, p.id, case when k < 4 then 'weight' else 'temperature' end,
    case when k < 4 then round((pg_temp.kilograms((cast(at as date) - p.birth_date))
            * (0.85 + 0.3 * pg_temp.draw(p.id, 30)) * (1 - (pg_temp.draw(p.id, 31) < 0.1)::int * 0.02 * (3 - k)))::numeric, 2)
        else round((36.2 + 3.2 * power(pg_temp.draw(p.id, 32 + k), 4))::numeric, 1) end,
    case when k < 4 then 'kg' else 'Cel' end, 'final', at, at, '{}', '{}'
from patient p, generate_series(0, 4) k,
    lateral (select case when cast(:today as date) - p.birth_date < 365 then 7 else 28 end) step (days),
    lateral (select cast(:now as timestamptz) - interval '1 day' * (k % 4 * step.days + floor(5 * pg_temp.draw(p.id, 40)))) past (at)
where p.id between :first and :last and k % 4 * step.days < :days and cast(at as date) >= p.birth_date
    and pg_temp.draw(p.id, 50 + k) < (array[0.9, 0.8, 0.7, 0.6, 0.2])[k + 1]
"""
# Items as tagging/terms/lab.yml knows them, with a usual range from which draws lie a little beyond either end.
_LABS = """
insert into lab_result
    (id, patient_id, source, source_id, updated_at, said_at, report, item, code, value, text, unit, status, collected_at, released_at)
select p.id * 4 + k, p.id, 'synthetic', 'l' || p.id || '-' || k, at, '{}', report, item, loinc, value, value::text, unit, 'final',
    at, at + interval '3 hours'
from patient p, (values (0, '血常规', '血红蛋白', '718-7', 'g/L', 80.0, 90.0), (1, '生化', '糖化血红蛋白', '4548-4', '%', 4.6, 6.5),
        (2, '炎症指标', 'C反应蛋白', '1988-5', 'mg/L', 0.3, 60.0)) of_item (k, report, item, loinc, unit, least, spread),
    lateral (select cast(:now as timestamptz) - interval '1 second' * floor(86400 * :days * pg_temp.draw(p.id, 60 + k))) past (at),
    lateral (select round((least + spread * power(pg_temp.draw(p.id, 70 + k), 1 + k))::numeric, 1)) drawn (value)
where p.id between :first and :last and pg_temp.draw(p.id, 80 + k) < (array[0.4, 0.1, 0.25])[k + 1]
"""
_TAGS = """
insert into patient_tag (id, patient_id, tag_id, state, source, author, confidence, since, evidence_at, asks)
select p.id * 1024 + c.number, p.id, c.tag_id, case when pg_temp.draw(p.id, 2000 + c.number) < 0.02 then 'contested' else 'active' end,
    c.source, 'synthetic', 1, at, at, false
from patient p join synthetic_chance c on c.team_id = p.team_id,
    lateral (select greatest(cast(p.birth_date as timestamptz),
        cast(:now as timestamptz) - interval '1 second' * floor(86400 * :days * pg_temp.draw(p.id, 3000 + c.number)))) past (at)
where p.id between :first and :last
    and pg_temp.draw(p.id, 1000 + c.channel) >= c.low and pg_temp.draw(p.id, 1000 + c.channel) < c.high
"""
_EVIDENCE = """
insert into tag_evidence (id, patient_tag_id, source, against, because, confidence, at, recorded_at)
select id, id, source, false, :because, 1, since, since from patient_tag where patient_id between :first and :last
"""
_CARERS = """
insert into drawn_carer (id, name, external_userid, follow_up_hour)
select n, '家长' || :marked, 'syn' || lpad(n::text, 8, '0'), 8 + floor(11 * pg_temp.draw(n, 90))::int
from generate_series(:first, :last) n where pg_temp.draw(n, 91) < 0.7
"""
_BOUND = """
insert into patient_carer (patient_id, carer_id, relationship, "primary")
select id, id, case when pg_temp.draw(id, 92) < 0.8 then '母亲' else '父亲' end, true from carer where id between :first and :last
"""
_CHATS = """
insert into chat (id, open_kfid, external_userid, carer_id, patient_id, team_id, state, service_state, window_used, opened_at)
select c.id, 'synthetic', c.external_userid, c.id, c.id, p.team_id, 'bot', 0, 0, cast(:now as timestamptz) - interval '1 day' * :days
from carer c join patient p on p.id = c.id where c.id between :first and :last and pg_temp.draw(c.id, 93) < 0.3
"""
_MESSAGES = """
insert into inbound (id, chat_id, msgid, origin, msgtype, text, body, sent_at, received_at, state, attempts, outcome)
select c.id * 4 + k, c.id, 'syn' || c.id || '-' || k, 3, 'text', (array['今天体重称了，还可以', '体温36.7度', '好的，谢谢'])[k + 1],
    '{}', at, at, 'done', 0, '{}'
from chat c, generate_series(0, 2) k,
    lateral (select cast(:now as timestamptz) - interval '1 second' * floor(86400 * :days * pg_temp.draw(c.id, 100 + k))) past (at)
where c.id between :first and :last and pg_temp.draw(c.id, 110 + k) < 0.6
"""
# Follow-ups lie in the past and are closed: nothing in a synthetic hospital is sent to anybody.
_PLANS = """
insert into care_plan (id, patient_id, template, template_version, anchors, state, created_at, created_by)
select p.id, p.id, 'neonatal', 1, jsonb_build_object('birth', p.birth_date),
    (array['active', 'ended', 'withdrawn'])[1 + floor(3 * power(pg_temp.draw(p.id, 120), 1.5))::int],
    cast(:now as timestamptz) - interval '1 day' * :days, 'synthetic'
from patient p where p.id between :first and :last and pg_temp.draw(p.id, 121) < 0.4
"""
# One a week, from yesterday back; a family keeps its habit of answering, or not, so that there is something to foretell.
_TASKS = """
insert into task (id, care_plan_id, patient_id, step, day, due_at, useful_until, state, answers, sent_at, closed_at, outcome)
select c.id * 8 + k, c.id, c.patient_id, 'weight_and_feeding', cast(at as date), at, at + interval '1 day', came, '{}', at,
    at + case when came = 'missed' then interval '1 day' else interval '1 hour' * (0.5 + 20 * pg_temp.draw(c.id, 150 + k)) end,
    case came when 'missed' then 'no_answer' else 'answered' end
from care_plan c, generate_series(0, 5) k,
    lateral (select 0.3 + 0.65 * pg_temp.draw(c.id, 131)) family (habit),
    lateral (select cast(:now as timestamptz) - interval '1 day' * (2 + floor(6 * pg_temp.draw(c.id, 130)) + 7 * k)) past (at),
    lateral (select case when pg_temp.draw(c.id, 140 + k) < habit then 'done' else 'missed' end) outcome (came)
where c.id between :first and :last and at > cast(:now as timestamptz) - interval '1 day' * :days
"""
_VALUES = """
insert into patient_value (patient_id, code, unit, days, value)
select patient_id, code, min(unit), array_agg(cast(timezone(:zone, at) as date) order by at, id), array_agg(value order by at, id) from (
    select patient_id, code, unit, effective_at as at, value, id from observation where patient_id between :first and :last
    union all
    select patient_id, 'lab:' || (array['haemoglobin', 'hba1c', 'crp'])[id % 4 + 1], unit, collected_at, value, id from lab_result
    where patient_id between :first and :last
) readings group by patient_id, code
"""

# In the order in which one needs the other.
STATEMENTS = {
    "patient": _PATIENTS,
    "encounter": _ENCOUNTERS,
    "condition": _CONDITIONS,
    "clinical_note": _NOTES,
    "observation": _OBSERVATIONS,
    "lab_result": _LABS,
    "patient_tag": _TAGS,
    "tag_evidence": _EVIDENCE,
    "carer": _CARERS,
    "patient_carer": _BOUND,
    "chat": _CHATS,
    "inbound": _MESSAGES,
    "care_plan": _PLANS,
    "task": _TASKS,
    **EFFECTS,
    "patient_value": _VALUES,
}
