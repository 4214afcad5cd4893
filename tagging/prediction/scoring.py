"""Scores of all followed patients by the published models: assessments with their reasons, and tags that expire."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.prediction import Predictor, RiskAssessment
from tagging.prediction.features import Moment, read_features
from tagging.prediction.model import LogisticModel, Reason, told
from tagging.prediction.outcome import OUTCOMES, Outcome
from tagging.tags.door import open_door
from tagging.tags.evidence import Evidence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Patients of one transaction.
AT_ONCE = 500
# A model's word is never sure (see SURE of tagging.tags.evidence): a person's or the hospital's stands above it.
CONFIDENCE = 0.6


async def score(tx: AsyncSession, predictor: Predictor, patients: Sequence[int], now: datetime) -> list[tuple[int, float, list[Reason]]]:
    """Score these patients as they are now, write it down, and give and take the tags of the levels. In the order of `patients`.

    Raises UnknownModel.
    """
    model, outcome = LogisticModel.from_json(predictor.definition), OUTCOMES[predictor.outcome]
    values = await read_features(tx, [Moment(patient, now) for patient in patients])
    scored = await asyncio.to_thread(_explained, model, values)
    rows = [
        {
            "patient_id": patient,
            "predictor_id": predictor.id,
            "at": now,
            "probability": probability,
            "level": model.level(probability),
            "reasons": [asdict(reason) for reason in reasons],
        }
        for patient, (probability, reasons) in zip(patients, scored, strict=True)
    ]
    if not rows:
        return []
    written = list(await tx.scalars(insert(RiskAssessment).returning(RiskAssessment.id, sort_by_parameter_order=True), rows))
    async with open_door(tx, patients, now) as door:
        for id, patient, (probability, reasons) in zip(written, patients, scored, strict=True):
            if patient in door:
                code = outcome.tag(model.level(probability))
                door[patient].support(code, _evidence(predictor, outcome, id, probability, reasons, now))
    return [(patient, probability, reasons) for patient, (probability, reasons) in zip(patients, scored, strict=True)]


def _explained(model: LogisticModel, values: "npt.NDArray[np.float64]") -> list[tuple[float, list[Reason]]]:
    return [(float(probability), model.explain(row)) for probability, row in zip(model.predict(values), values, strict=True)]


def _evidence(predictor: Predictor, outcome: Outcome, id: int, probability: float, reasons: Sequence[Reason], now: datetime) -> Evidence:
    because = f"模型估计{outcome.label}的可能性为{probability:.0%}。{told(reasons)}"
    return Evidence(
        source="model",
        because=because + ("（模型用模拟数据训练，仅供演示）" if predictor.synthetic else ""),
        at=now,
        ref_kind="risk_assessment",
        ref_id=id,
        rule=f"predictor.{predictor.outcome}",
        rule_version=predictor.version,
        confidence=CONFIDENCE,
    )


_SETTLE = {
    # Of the first follow-up that was sent after the assessment.
    "non_response": text(
        """
        update risk_assessment set happened = first.state = 'missed'
        from (
            select distinct on (ra.id) ra.id, task.state from risk_assessment ra
            join task on task.patient_id = ra.patient_id and task.sent_at >= ra.at and task.sent_at < ra.at + interval '14 days'
                and task.state in ('done', 'partial', 'missed') and task.closed_at <= :now
            where ra.predictor_id = :predictor and ra.happened is null
            order by ra.id, task.sent_at
        ) first
        where risk_assessment.id = first.id
        """
    ),
    "deterioration": text(
        """
        update risk_assessment ra set happened = exists (
                select from flag where flag.patient_id = ra.patient_id and level in ('urgent', 'emergency')
                    and raised_at >= ra.at and raised_at < ra.at + interval '14 days'
            ) or exists (
                select from encounter e
                where e.patient_id = ra.patient_id and e.state <> 'cancelled' and e.kind in ('emergency', 'inpatient')
                    and e.started_at >= ra.at and e.started_at < ra.at + interval '14 days'
                    and not exists (
                        select from appointment a where a.patient_id = e.patient_id and a.status <> 'cancelled'
                            and a.starts_at between e.started_at - interval '1 day' and e.started_at + interval '1 day'
                    )
            )
        where ra.predictor_id = :predictor and ra.happened is null and ra.at < :now - interval '14 days'
        """
    ),
}


async def settle(tx: AsyncSession, predictor: Predictor, now: datetime) -> int:
    """Fill in what became of assessments whose horizon has passed; how many."""
    done = await tx.execute(_SETTLE[predictor.outcome], {"predictor": predictor.id, "now": now})
    return int(done.rowcount)  # type: ignore[attr-defined]
