"""Models of an outcome through their life: learned, judged, published where they are worth it, watched, taken back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.prediction import PREDICTOR_MOVES, Predictor, RiskAssessment, published
from records.state import created, move
from tagging.prediction.drift import CALIBRATED, drift, limit
from tagging.prediction.features import Moment, read_features
from tagging.prediction.model import LogisticModel
from tagging.prediction.outcome import Outcome, Sample, followed, read_samples
from tagging.prediction.training import NotEnough, judged, judged_part, train

# Records older than this tell of another way of working. (R)
LEARNS_FROM = timedelta(days=730)
# A model that cannot be told from chance, or nearly so, helps nobody. (R)
LEAST_AUC = 0.55
# How many patients a look for drift is about.
WATCHED = 2_000
# So many settled assessments are needed before anything is said of what came true.
SETTLED = 100


class NotWorthIt(Exception):
    """The model is not good enough to be used; the text says by which figure."""

    code, permanent = "not_worth_it", True


async def learn(tx: AsyncSession, outcome: Outcome, *, by: str, synthetic: bool, now: datetime) -> Predictor:
    """A new candidate from the records up to now. Raises NotEnough."""
    samples = await read_samples(tx, outcome, since=now - LEARNS_FROM, now=now)
    if not samples:
        raise NotEnough("There are no samples: no follow-up has ended, or nobody is on a plan.")
    values = await read_features(tx, [sample.moment for sample in samples])
    trained = await asyncio.to_thread(train, samples, values)
    current = await published(tx, outcome.name)
    figures = trained.figures if current is None else {**trained.figures, "current_auc": _auc(current, samples, values)}
    version = await tx.scalar(select(func.max(Predictor.version)).where(Predictor.outcome == outcome.name)) or 0
    predictor = Predictor(
        outcome=outcome.name,
        version=version + 1,
        definition=trained.model.to_json(),
        figures=figures,
        bins=trained.bins,
        learned_until=samples[-1].moment.at,
        synthetic=synthetic,
        trained_at=now,
        trained_by=by,
    )
    tx.add(predictor)
    await tx.flush()
    created(tx, predictor, at=now, by=by)
    return predictor


def _auc(current: Predictor, samples: Sequence[Sample], values: Any) -> float:
    """How the model in use does on what the new one is judged on."""
    import numpy as np

    part = judged_part(samples)
    happened = np.array([sample.happened for sample in samples[part]], dtype=bool)
    scores = LogisticModel.from_json(current.definition).predict(values[part])
    return float(judged(happened, scores, 1.0, seed=0)["auc"])


def check_worth(predictor: Predictor) -> None:
    """Refuse a model that is no better than chance or than the one in use, or whose probabilities are wrong. Raises NotWorthIt."""
    figures = predictor.figures
    if figures["auc_low"] < LEAST_AUC:
        raise NotWorthIt(f"AUC {figures['auc']:.3f}, its interval begins at {figures['auc_low']:.3f}: hardly better than chance.")
    if not CALIBRATED[0] <= figures["calibration"] <= CALIBRATED[1]:
        raise NotWorthIt(f"It foretells {figures['calibration']:.2f} times as many outcomes as there were.")
    if figures["auc"] < figures.get("current_auc", 0.0):
        raise NotWorthIt(f"AUC {figures['auc']:.3f}; the model in use reaches {figures['current_auc']:.3f} on the same patients.")


async def publish(tx: AsyncSession, predictor: Predictor, *, by: str, now: datetime) -> None:
    """Use this model from now on, in place of the one in use. Raises NotWorthIt, MoveRefused."""
    if predictor.state == "candidate":
        check_worth(predictor)
    current = await published(tx, predictor.outcome)
    if current is not None and current.id != predictor.id:
        await move(tx, current, "retired", moves=PREDICTOR_MOVES, at=now, by=by, reason=f"version {predictor.version} published")
    await move(tx, predictor, "published", moves=PREDICTOR_MOVES, at=now, by=by)


async def watch(tx: AsyncSession, predictor: Predictor, *, now: datetime) -> dict[str, Any]:
    """Look for drift and write down what was found: `shifted` features with their index, `expected` over observed outcomes, `alarm`."""
    values = await read_features(tx, [Moment(patient, now) for patient in await followed(tx, after=0, limit=WATCHED)])
    found: dict[str, Any] = {"at": now.isoformat(), "patients": len(values), "shifted": {}, "expected": None}
    if len(values):
        scores = LogisticModel.from_json(predictor.definition).predict(values)
        found["shifted"] = drift(predictor.bins, values, scores)
    settled = await tx.execute(
        select(func.count(), func.sum(RiskAssessment.probability), func.count().filter(RiskAssessment.happened.is_(True))).where(
            RiskAssessment.predictor_id == predictor.id, RiskAssessment.happened.is_not(None)
        )
    )
    count, expected, happened = settled.one()
    if count >= SETTLED:
        found["expected"] = round(float(expected) / max(1, happened), 3)
    # A feature may move by itself (a plan grows older); what counts is whether the scores do, or whether they come true.
    wrong = found["expected"] is not None and not CALIBRATED[0] <= found["expected"] <= CALIBRATED[1]
    found["alarm"] = found["shifted"].get("score", 0.0) > limit(len(values)) or wrong
    predictor.watched = found
    return found
