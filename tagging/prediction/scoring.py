"""Scores of all followed patients by the published models: assessments with their reasons, and tags that expire."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert
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
