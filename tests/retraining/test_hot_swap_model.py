"""The same promises with trained models, on the whole road: 20 turns a second while the worker changes models, and the memory after it."""

import asyncio
import gc
from pathlib import Path

import psutil
import pytest

from bot.dialogue.agent import Dialogue
from bot.dialogue.train import found_model, train
from bot.retraining.hot_swap import HotSwap
from bot.retraining.relay import Relay
from records.database import Database
from tests.bot.stage import open_stage
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import NOW
from tests.retraining.parrot import published
from tests.retraining.test_hot_swap import FAMILIES, answered_once, loads, talking

pytestmark = [pytest.mark.durability, pytest.mark.dialogue]

EXCHANGES = 3
# A model is 2 to 3 MB; the rest is what the conversations of this test need. The old models together would be more than this.
MEGABYTES_MORE = 60


@pytest.mark.long
async def test_trained_models_are_exchanged_under_load(db: Database, tmp_path: Path) -> None:
    train(ROOT, ROOT / "models")
    model = found_model(ROOT)
    assert model is not None

    def load(file: Path) -> Dialogue:
        return Dialogue.load(file, clock=lambda: NOW)

    relay = Relay(await asyncio.to_thread(load, model))
    async with open_stage(db, relay, tmp_path) as stage:
        swap = HotSwap(db, relay, load, root=ROOT, folder=tmp_path / "models", clock=lambda: NOW, worker="here:1")
        families = [await stage.family(f"m{n}", {"name": "小满", "days": 400}) for n in range(FAMILIES)]
        seen = {id(relay.current)}

        async def exchanges() -> None:
            for _ in range(EXCHANGES):
                await asyncio.sleep(2)
                # The same model in the coat of a new version: the answers must not tell one from the other.
                await published(db, model.read_bytes())
                await swap.look()
                seen.add(id(relay.current))
            await asyncio.sleep(2)

        said = await talking(families, until=asyncio.create_task(exchanges()))
        await stage.settle(300)
        assert [state for state, _ in await loads(db)] == ["loaded"] * EXCHANGES
        assert len(seen) > 1
        await answered_once(stage, families, said, quoted=False)

    gc.collect()
    before = psutil.Process().memory_info().rss
    for _ in range(5):
        relay.exchange(await asyncio.to_thread(load, model))
    assert psutil.Process().memory_info().rss - before < MEGABYTES_MORE * 2**20
