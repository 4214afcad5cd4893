"""The stop rule agrees with the published tables, and finds nothing where nothing is more often than it promises."""

from random import Random

import pytest

from plans.experiment.result import figures
from plans.experiment.stop import bound, families_needed


@pytest.mark.parametrize(("looks", "constant"), [(1, 1.960), (2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040), (10, 2.087)])
def test_the_bounds_are_those_of_the_table(looks: int, constant: float) -> None:
    assert bound(looks, looks, 0.05) == pytest.approx(constant, abs=0.002)
    assert bound(1, looks, 0.05) == pytest.approx(constant * looks**0.5, abs=0.01)


def test_the_sample_size_is_fleiss_with_a_little_for_the_looks() -> None:
    # 60 % against 70 % with 80 % power: 356 in each arm by the formula, before the looks.
    assert families_needed(0.6, 0.1, alpha=0.05, power=0.8) == pytest.approx(356 * 1.04, abs=3)
    assert families_needed(0.6, 0.1, alpha=0.05, power=0.8, comparisons=3) > families_needed(0.6, 0.1, alpha=0.05, power=0.8)


def trial(rng: Random, better: float, *, per_arm: int = 100, looks: int = 4, arms: int = 2) -> bool:
    """Whether a made-up experiment ever crosses: families with habits of their own, answering up to five follow-ups each."""
    shares: dict[str, list[float]] = {f"arm{n}": [] for n in range(arms)}
    for look in range(1, looks + 1):
        for n, of in enumerate(shares.values()):
            while len(of) < per_arm * look // looks:
                habit = min(1.0, rng.betavariate(3, 2) + (better if n else 0.0))
                asked = rng.randint(1, 5)
                of.append(sum(rng.random() < habit for _ in range(asked)) / asked)
        if figures(shares, look=look, looks=looks, alpha=0.05).crossed:
            return True
    return False


@pytest.mark.parametrize("arms", [2, 3])
def test_a_false_find_is_as_rare_as_promised(arms: int) -> None:
    rng = Random(20260301)
    found = sum(trial(rng, 0.0, arms=arms) for _ in range(1500))
    # 5 % with three standard errors (0.56 %) of the simulation.
    assert 0.02 < found / 1500 < 0.067


def test_a_real_difference_is_found_and_often_early() -> None:
    rng = Random(7)
    assert sum(trial(rng, 0.2) for _ in range(200)) > 150


def test_without_families_nothing_is_found() -> None:
    found = figures({"nine": [], "evening": [0.5]}, look=1, looks=4, alpha=0.05)
    assert not found.crossed and found.differences[0].z is None and found.arms[0].share is None
    same = figures({"nine": [1.0, 1.0], "evening": [1.0, 1.0]}, look=1, looks=4, alpha=0.05)
    assert not same.crossed
