"""No change makes a message dearer unawares: instructions and statements are counted, which no busy machine can make more or less.

What it costs stands in costs.json; these fail when it grows by more than `GROWTH`. Who means to make it grow notes it anew, with
CARELOOP_NOTE_COSTS=1, and says why in the commit.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

from records.database import Database
from tests.bot.stage import open_stage
from tests.costs.reading import instructions_per_message
from tests.costs.turns import costs
from tests.durability.year_worker import Plain

NOTED = Path(__file__).with_name("costs.json")
# So much more may a change cost.
GROWTH = 1.1


def held(name: str, found: dict[str, int]) -> None:
    """Compare with what is noted; what is dearer fails."""
    noted = json.loads(NOTED.read_text("utf-8")) if NOTED.exists() else {}
    if os.environ.get("CARELOOP_NOTE_COSTS"):
        NOTED.write_text(json.dumps(noted | {name: found}, ensure_ascii=False, indent=2) + "\n", "utf-8")
        return
    assert found.keys() == noted[name].keys()
    dearer = {what: f"{noted[name][what]} -> {cost}" for what, cost in found.items() if cost > GROWTH * noted[name][what]}
    assert not dearer


def test_reading_a_message_costs_no_more_instructions() -> None:
    held("reading", {"instructions per message": instructions_per_message()})


async def test_a_turn_costs_no_more_statements_and_rows(db: Database, tmp_path: Path) -> None:
    async with open_stage(db, Plain(), tmp_path, at_work=False) as stage:
        found = {name: asdict(cost) for name, cost in (await costs(stage)).items()}
    held("turns", {f"{what} of {name}": count for name, cost in found.items() for what, count in cost.items()})
