"""The features of many patients at given moments, in one statement. Nothing that came after the moment is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from sqlalchemy import BigInteger, DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Of one statement: beyond this a statement's memory grows and nothing gets quicker.
AT_ONCE = 2_000


@dataclass(frozen=True)
class Feature:
    """One number about a patient. `unit` is UCUM; `told` is how it stands in a reason."""

    name: str
    label: str
    unit: str
    told: str
    log: bool = False

    def tell(self, value: float) -> str:
        """The value in words, in Chinese."""
        return self.told.format(value=value, percent=round(100 * value))


@cache
def features() -> tuple[Feature, ...]:
    """All features, in the order of the columns."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("features.yml").read_text("utf-8"))
    return tuple(Feature(name, **said) for name, said in loaded.items())


@dataclass(frozen=True)
class Moment:
    """A patient at a moment."""

    patient_id: int
    at: datetime


# WeCom's origin 3 is the family (wecom-api §3.4). A closed task's state is its last: what was closed by the moment is read as it stands.
_FEATURES = text(
    """
    select asked.number, t.answered_share, t.follow_ups, t.missed_in_row, t.answer_hours, m.messages, m.message_days,
        f.alerts, f.urgent_alerts, l.abnormal_results, e.stays, e.discharge_days, o.hottest, p.plan_days, p.plans, d.diagnoses,
        (asked.at::date - patient.birth_date) / 30.4375 as age_months,
        (select count(*) from patient_carer pc where pc.patient_id = patient.id) as carers
    from unnest(:patients, :moments) with ordinality as asked(patient_id, at, number)
    join patient on patient.id = asked.patient_id
    left join lateral (
        select avg((state in ('done', 'partial'))::int) filter (where state in ('done', 'partial', 'missed')) as answered_share,
            count(*) as follow_ups,
            count(*) filter (where state = 'missed' and closed_at > coalesce(answered.last, '-infinity')) as missed_in_row,
            percentile_cont(0.5) within group (order by extract(epoch from closed_at - sent_at) / 3600)
                filter (where state in ('done', 'partial')) as answer_hours
        from task,
            lateral (
                select max(closed_at) as last from task earlier
                where earlier.patient_id = asked.patient_id and earlier.state in ('done', 'partial') and earlier.closed_at <= asked.at
            ) answered
        where task.patient_id = asked.patient_id and sent_at < asked.at
            and closed_at <= asked.at and closed_at > asked.at - interval '90 days'
    ) t on true
    left join lateral (
        select count(*) filter (where inbound.sent_at > asked.at - interval '30 days') as messages,
            extract(epoch from asked.at - max(inbound.sent_at)) / 86400 as message_days
        from patient_carer pc join chat on chat.carer_id = pc.carer_id join inbound on inbound.chat_id = chat.id
        where pc.patient_id = asked.patient_id and inbound.origin = 3 and inbound.sent_at < asked.at
            and inbound.sent_at > asked.at - interval '180 days'
    ) m on true
    left join lateral (
        select count(*) filter (where raised_at > asked.at - interval '30 days') as alerts,
            count(*) filter (where level in ('urgent', 'emergency')) as urgent_alerts
        from flag where flag.patient_id = asked.patient_id and raised_at < asked.at and raised_at > asked.at - interval '90 days'
    ) f on true
    left join lateral (
        select count(*) as abnormal_results from lab_result
        where lab_result.patient_id = asked.patient_id and flag is not null and flag <> 'N'
            and collected_at < asked.at and collected_at > asked.at - interval '30 days'
    ) l on true
    left join lateral (
        select count(*) filter (where kind = 'inpatient' and started_at > asked.at - interval '365 days') as stays,
            extract(epoch from asked.at - max(ended_at) filter (where kind = 'inpatient' and ended_at <= asked.at)) / 86400
                as discharge_days
        from encounter where encounter.patient_id = asked.patient_id and started_at < asked.at and state <> 'cancelled'
    ) e on true
    left join lateral (
        select max(value) as hottest from observation
        where observation.patient_id = asked.patient_id and code = 'temperature' and status = 'final'
            and effective_at < asked.at and effective_at > asked.at - interval '14 days'
    ) o on true
    left join lateral (
        select count(*) as plans, extract(epoch from asked.at - min(created_at)) / 86400 as plan_days
        from care_plan where care_plan.patient_id = asked.patient_id and created_at <= asked.at
    ) p on true
    left join lateral (
        select count(*) as diagnoses from patient_tag join tag on tag.id = patient_tag.tag_id
        where patient_tag.patient_id = asked.patient_id and tag.kind = 'diagnosis' and patient_tag.state <> 'refused'
            and since <= asked.at and (until is null or until > asked.at)
    ) d on true
    order by asked.number
    """
).bindparams(bindparam("patients", type_=ARRAY(BigInteger)), bindparam("moments", type_=ARRAY(DateTime(timezone=True))))


async def read_features(tx: AsyncSession, moments: Sequence[Moment]) -> "npt.NDArray[np.float64]":
    """One row for each moment, one column for each of `features()`; NaN where nothing is known. Patients who do not exist give NaN."""
    import numpy as np

    names = [feature.name for feature in features()]
    values = np.full((len(moments), len(names)), np.nan)
    for start in range(0, len(moments), AT_ONCE):
        part = moments[start : start + AT_ONCE]
        parameters = {"patients": [moment.patient_id for moment in part], "moments": [moment.at for moment in part]}
        for row in (await tx.execute(_FEATURES, parameters)).mappings():
            read = [row[name] for name in names]
            values[start + row["number"] - 1] = [np.nan if value is None else float(value) for value in read]
    return values
