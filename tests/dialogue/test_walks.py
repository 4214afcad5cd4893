"""No state is a dead end: whatever a family says, and whatever came before, it is answered."""

import os
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dialogue.walk import Walk

pytestmark = pytest.mark.dialogue

# Messages of each walk; the long ones, of 10,000, are run by hand.
TURNS = int(os.environ.get("CARELOOP_WALK_TURNS", "100"))
# After so many another family walks on.
FAMILY = 250


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 10))
async def test_any_message_in_any_state_is_answered(new_family, seed: int, steps: int) -> None:
    # What a walk draws depends on what the database holds: drawn by hypothesis itself it would not be the same twice.
    walk = await Walk.of(new_family, Random(seed))
    for _ in range(steps):
        await walk.step()


@pytest.mark.walk
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
async def test_a_random_walk_never_ends(new_family, seed: int) -> None:
    chance, counts = Random(seed), Counter()
    while counts["messages"] < TURNS:
        walk = await Walk.of(new_family, chance)
        while walk.counts["messages"] < min(FAMILY, TURNS - counts["messages"]):
            await walk.step()
        counts += walk.counts
    # Shown by pytest -rP.
    print(dict(counts))
