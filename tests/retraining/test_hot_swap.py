"""A new model takes over between two turns: nothing is lost, doubled or answered twice, and a bad one never gets to answer."""

import asyncio
from pathlib import Path

from sqlalchemy import func, select

from bot.retraining.hot_swap import HotSwap
from bot.retraining.relay import Relay
from records.database import Database
from records.message import Inbound, Outbound
from records.model_version import ModelLoad
from tests.bot.stage import Family, Stage, open_stage
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import NOW
from tests.retraining.parrot import Parrot, load, published

FAMILIES, EVERY = 8, 0.05


def follower(db: Database, relay: Relay, folder: Path) -> HotSwap:
    return HotSwap(db, relay, load, root=ROOT, folder=folder, clock=lambda: NOW, worker="here:1")


async def loads(db: Database) -> list[tuple[str, str | None]]:
    async with db.transaction() as tx:
        return [(row.state, row.why) for row in await tx.scalars(select(ModelLoad).order_by(ModelLoad.id))]


async def test_a_worker_takes_what_is_published_once(db: Database, tmp_path: Path) -> None:
    relay = Relay(Parrot("旧"))
    swap = follower(db, relay, tmp_path)
    await swap.look()
    assert await loads(db) == []
    await published(db, "新".encode())
    await swap.look()
    await swap.look()
    assert relay.current.name == "新"
    assert await loads(db) == [("loaded", None)]


async def test_what_does_not_pass_never_answers_and_says_why(db: Database, tmp_path: Path) -> None:
    relay = Relay(Parrot("旧"))
    swap = follower(db, relay, tmp_path)
    await published(db, "坏".encode())
    await swap.look()
    await published(db, b"broken")
    await swap.look()
    await published(db, "另".encode(), made_for="another program")
    await swap.look()
    await published(db, "损".encode(), sha256="0" * 64)
    await swap.look()
    await swap.look()
    assert relay.current.name == "旧"
    told = await loads(db)
    assert [state for state, _ in told] == ["failed"] * 4
    assert [why for _, why in told if why][:2] == ["misreads 转人工", "OSError"]
    assert "另一个版本的程序" in str(told[2][1])
    assert "损坏" in str(told[3][1])
    await published(db, "新".encode())
    await swap.look()
    assert relay.current.name == "新"


async def test_a_transaction_keeps_the_model_that_it_began_with(db: Database) -> None:
    old, new = Parrot("旧"), Parrot("新")
    relay = Relay(old)
    async with db.transaction() as begun:
        await relay.prepare(begun, [1])
        assert relay.exchange(new) is old
        async with db.transaction() as later:
            await relay.prepare(later, [1])
            await relay.save(later)
            assert later.info["parrots"] == {"新"}
        await relay.save(begun)
        assert begun.info["parrots"] == {"旧"}


async def test_twenty_turns_a_second_go_on_while_models_are_exchanged(db: Database, tmp_path: Path) -> None:
    relay = Relay(Parrot("零"))
    async with open_stage(db, relay, tmp_path) as stage:
        swap = follower(stage.db, relay, tmp_path / "models")
        families = [await stage.family(f"m{n}", {"name": "小满", "days": 400}) for n in range(FAMILIES)]
        swapping = asyncio.create_task(exchanges(stage, swap, relay))
        said = await talking(families, until=swapping)
        await stage.settle(120)
        await answered_once(stage, families, said)
        speakers = {heard[0] for family in families for heard in await family.hears()}
        assert speakers == {"零", "一", "二", "三"}


async def exchanges(stage: Stage, swap: HotSwap, relay: Relay) -> None:
    """Three models after each other, and a bad one between them."""
    for content in ("一", "坏", "二", "三"):
        await spoken(relay)
        await published(stage.db, content.encode())
        await swap.look()
    await spoken(relay)


async def spoken(relay: Relay, turns: int = 20) -> None:
    """Until the model that is at work has taken some more turns."""
    wanted = relay.current.turns + turns
    async with asyncio.timeout(60):
        while relay.current.turns < wanted:  # noqa: ASYNC110 - the turns are taken by the worker's handlers
            await asyncio.sleep(0.02)


async def talking(families: list[Family], until: asyncio.Task[None]) -> dict[int, list[str]]:
    """20 messages a second, family after family; what each has said."""
    said: dict[int, list[str]] = {number: [] for number in range(len(families))}
    sending, count = set(), 0
    while not until.done():
        number = count % len(families)
        words = f"话{number}之{len(said[number])}。"
        said[number].append(words)
        family = families[number]
        post = family.stage.control("POST", f"{family.path}/say", msgtype="text", text={"content": words})
        sending.add(asyncio.create_task(post))
        count += 1
        await asyncio.sleep(EVERY)
    await asyncio.gather(*sending)
    until.result()
    return said


async def answered_once(stage: Stage, families: list[Family], said: dict[int, list[str]], *, quoted: bool = True) -> None:
    """Every message was stored, handled and answered exactly once; `quoted` if an answer repeats its message."""
    total = sum(map(len, said.values()))
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).where(Inbound.origin == 3, Inbound.state == "done")) == total
        assert await tx.scalar(select(func.count()).where(Inbound.origin == 3)) == total
        sent = await tx.scalar(select(func.count()).where(Outbound.purpose == "reply", Outbound.state == "sent"))
    assert [flag.category for flag in await stage.flags()] == []
    assert sum([len(await family.hears()) for family in families]) == sent
    for number, family in enumerate(families if quoted else ()):
        heard = "\n".join(await family.hears())
        assert [heard.count(words) for words in said[number]] == [1] * len(said[number])
