"""Learning, judging and explaining, on made-up families whose answers follow a known rule."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tagging.prediction.drift import SHIFTED, drift
from tagging.prediction.features import Moment, features
from tagging.prediction.model import LogisticModel, UnknownModel, told
from tagging.prediction.outcome import Sample
from tagging.prediction.training import NotEnough, distributions, judged_part, train

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [feature.name for feature in features()]


def families(count: int = 4000, *, seed: int = 1, signal: float = 2.0) -> tuple[list[Sample], np.ndarray]:
    """Families that answer the less, the more follow-ups in a row they have missed; half of them have no fever on file."""
    chance = np.random.default_rng(seed)
    values = np.abs(chance.normal(10, 5, (count, len(NAMES))))
    values[:, NAMES.index("answered_share")] = chance.uniform(0, 1, count)
    missed = values[:, NAMES.index("missed_in_row")] = chance.poisson(1.0, count).astype(float)
    values[:, NAMES.index("hottest")] = np.where(chance.uniform(size=count) < 0.5, np.nan, 37.0)
    likely = 1 / (1 + np.exp(-(signal * (np.log1p(missed) - 0.6) - 1)))
    happened = chance.uniform(size=count) < likely
    moments = [Moment(number % 500 + 1, BEGAN + timedelta(hours=number)) for number in range(count)]
    return [Sample(moment, bool(true)) for moment, true in zip(moments, happened, strict=True)], values


def test_what_drives_the_outcome_is_found_and_the_probabilities_are_right() -> None:
    samples, values = families()
    trained = train(samples, values)
    strongest = max(trained.model.terms, key=lambda term: abs(term.weight))
    assert strongest.feature == "missed_in_row" and strongest.weight > 0
    assert trained.figures["auc_low"] > 0.6
    assert 0.85 < trained.figures["calibration"] < 1.15
    assert trained.figures["high_rate"] > 1.5 * trained.figures["base_rate"]
    assert trained.figures["judged_on"] == len(samples[judged_part(samples)])


def test_where_nothing_drives_the_outcome_the_interval_holds_chance() -> None:
    trained = train(*families(signal=0.0))
    assert trained.figures["auc_low"] < 0.5 < trained.figures["auc_high"]


def test_the_same_samples_give_the_same_model_and_json_loses_nothing() -> None:
    samples, values = families(1500)
    one, other = train(samples, values), train(samples, values)
    assert one.model == other.model and one.figures == other.figures
    assert LogisticModel.from_json(one.model.to_json()) == one.model


def test_a_score_tells_why_in_words() -> None:
    samples, values = families()
    row = values[0].copy()
    row[NAMES.index("missed_in_row")] = 5
    reasons = train(samples, values).model.explain(row)
    assert reasons[0].feature == "missed_in_row" and reasons[0].adds > 0
    assert "升高：连续5次随访未应答" in told(reasons)


def test_too_few_outcomes_teach_nothing() -> None:
    samples, values = families(300)
    with pytest.raises(NotEnough, match="170 of each kind"):
        train(samples, values)


def test_a_model_of_features_that_are_gone_is_refused() -> None:
    said = train(*families(1500)).model.to_json()
    said["terms"][0]["feature"] = "horoscope"
    with pytest.raises(UnknownModel, match="horoscope"):
        LogisticModel.from_json(said)


def test_drift_is_silent_on_the_same_families_and_names_what_shifted() -> None:
    _, values = families(seed=1)
    _, later = families(seed=2)
    scores = values[:, 0]
    bins = distributions(values, scores)
    assert set(drift(bins, later, later[:, 0])) == {"score"}
    later[:, NAMES.index("messages")] *= 4
    shifted = drift(bins, later, later[:, 0])
    assert shifted["messages"] > SHIFTED


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.float64, (3, len(NAMES)), elements=st.floats(-1e6, 1e9) | st.just(float("nan"))))
def test_whatever_the_features_a_probability_comes_out_with_a_reason_for_it(values: np.ndarray) -> None:
    model = MODEL.model
    for row, probability in zip(values, model.predict(values), strict=True):
        assert 0 <= probability <= 1
        assert model.level(float(probability)) in ("high", "medium", "low")
        assert all(reason.told for reason in model.explain(row))


MODEL = train(*families(1500))
