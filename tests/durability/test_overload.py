"""More is said than can be answered while a round is due: dangers first, then those who talk, then the round; in the end all is done."""

from pathlib import Path

import pytest

from tests.durability.overload import ROUND, overload

pytestmark = [pytest.mark.durability, pytest.mark.long]


async def test_dangers_go_first_and_bulk_waits(folder: Path) -> None:
    figures, wrong = await overload(folder, rate=60, seconds=40, seed=1)
    print(figures)
    assert not wrong, "\n".join([str(figures), *wrong[:20]])
    assert figures["waiting_at_the_end"], "it was not too much"
    assert figures["danger_understood_p50_s"] < figures["ordinary_understood_p50_s"]
    assert figures["follow_ups_sent_meanwhile"] < ROUND / 2
    assert figures["worker_mb_most"] < 1.5 * figures["worker_mb_before"]
