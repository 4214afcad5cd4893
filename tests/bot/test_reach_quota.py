"""Days of families who write, keep silent, stop and come back, and of a hospital that wants to say too much: what arrived at WeCom."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from bot.reach import Means, Message, reach_many
from integrations.wecom.outbound import text
from plans.consent import resume, stop
from plans.guard import is_quiet
from plans.reach.policy import read_policy, shipped
from plans.reach.purpose import ORDER
from plans.reach.route import Channels, Want
from records.schema import Carer, Contact, Outbound
from tests.bot.stage import ZONE, Family, Stage

STEPS, FAMILIES = 28, 4
RULES = read_policy(shipped()).hospital


async def wants(stage: Stage, rng: random.Random, step: int) -> None:
    """The hospital wants to say something to some of them, sometimes the same thing twice."""
    now = stage.clock()
    async with stage.db.transaction() as tx:
        carers = list(await tx.scalars(select(Carer).order_by(Carer.id)))
        messages = [
            Message(
                Want(
                    f"{purpose}:{step - rng.randint(0, 1)}:{n}", carer.id, purpose, useful_until=now + timedelta(hours=rng.randint(1, 40))
                ),
                text(f"主动 {step} {n}"),
            )
            for carer in carers
            for n, purpose in enumerate(rng.choices([each for each in ORDER if each not in ("task", "reminder")], k=rng.randint(0, 3)))
        ]
        await reach_many(
            tx, list({each.want.key: each for each in messages}.values()), now=now, means=Means(ZONE, Channels(group_send=False))
        )


async def lives(stage: Stage, rng: random.Random, families: list[Family], stopped: dict[str, list[tuple[datetime, bool]]]) -> None:
    for family in families:
        fate = rng.random()
        if fate < 0.25:
            await family.says("在的")
        elif fate < 0.32:
            async with stage.db.transaction() as tx:
                carer = (await tx.scalars(select(Carer).where(Carer.external_userid == family.user))).one()
                if carer.stopped_at is None:
                    await stop(tx, carer, stage.clock())
                else:
                    await resume(tx, carer, stage.clock())
                stopped.setdefault(family.user, []).append((stage.clock(), carer.stopped_at is not None))


def was_stopped(changes: list[tuple[datetime, bool]], at: datetime) -> bool:
    return next((state for since, state in reversed(changes) if since <= at), False)


async def test_nothing_arrives_against_the_rules(stage: Stage) -> None:
    rng = random.Random(11)
    families = [await stage.family(f"f{n}", {"name": "小满", "days": 40}, hour=rng.randint(8, 19)) for n in range(FAMILIES)]
    for family in families:
        await family.says("你好")
    stopped: dict[str, list[tuple[datetime, bool]]] = {}
    for step in range(STEPS):
        await lives(stage, rng, families, stopped)
        await wants(stage, rng, step)
        if rng.random() < 0.2:
            await stage.control(
                "POST", "faults", path="kf/send_msg", times=1, **rng.choice([{"errcode": -1}, {"drop": True, "after": True}])
            )
        # What is being sent at this moment does not take hours on its way.
        await stage.settle()
        await stage.move(timedelta(minutes=rng.choice([7, 61, 190, 420])))
    refused = [each for each in (await stage.ledger())["rejected"] if each["errcode"] in (95001, 95002, 95018)]
    assert refused == []
    arrived = 0
    for family in families:
        messages: list[dict[str, Any]] = (await family.chat())["messages"]
        began = since = 0
        for message in messages:
            at = datetime.fromisoformat(message["at"])
            if message["from"] == "customer":
                began = since = 0
                continue
            since += 1
            if "主动" in message["text"]["content"]:
                began += 1
                arrived += 1
                assert not is_quiet(at, ZONE) and not was_stopped(stopped.get(family.user, []), at)
            assert began <= 4 and since <= 5
        texts = [message["text"]["content"] for message in messages if "主动" in str(message)]
        assert len(texts) == len(set(texts))
    assert arrived > 8
    async with stage.db.transaction() as tx:
        day = func.date(func.timezone("Asia/Shanghai", Contact.at))
        made = select(func.count()).where(Contact.state.not_in(("failed", "refused", "withdrawn"))).group_by(Contact.carer_id, day)
        assert max(await tx.scalars(made)) <= RULES.budget.per_day
        assert not await tx.scalar(select(func.count()).where(Outbound.state == "sending"))
