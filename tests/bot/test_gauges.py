"""How the installation stands, as the monitoring sees it."""

from datetime import timedelta
from pathlib import Path

from prometheus_client import REGISTRY
from sqlalchemy import update

from bot.gauges import read_installation_gauges
from bot.jobs import Job, defer
from records.chat import Chat
from records.message import Inbound, enqueue
from records.sending import pause_sending
from tests.bot.stage import Stage


async def look(stage: Stage) -> None:
    await read_installation_gauges(stage.db, stage.clock(), Path("/nowhere"))


def told(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"careloop_{name}", labels)
    assert found is not None, name
    return found


async def test_what_waits_too_long_shows(stage: Stage) -> None:
    family = await stage.family("赵敏", {"name": "小满", "days": 60})
    await family.says("你好")
    await look(stage)
    assert (
        told("workers") == 1 and told("outbox_waiting", kind="answer") == 0 and told("flags_unacknowledged_seconds", level="emergency") == 0
    )
    assert told("disk_free_bytes") > 0 and told("database_bytes") > 1e6 and told("windows_closing") == 0
    await family.says("抽搐了")
    then = stage.clock() - timedelta(minutes=10)
    async with stage.db.transaction() as tx:
        await enqueue(tx, "new:1", line="chat:9", route="hologram", payload={}, purpose="reply", now=then)
        await defer(tx, [Job("new_kind", "1")])
        await pause_sending(tx, by="hemin", reason="x", now=stage.clock())
        await tx.execute(update(Inbound).where(Inbound.text == "你好").values(state="dead"))
        await tx.execute(update(Chat).values(window_from=stage.clock() - timedelta(hours=45)))
    await look(stage)
    assert told("outbox_waiting", kind="answer") == 1 and 590 < told("outbox_oldest_seconds", kind="answer") < 700
    assert told("unknown_work") == 2 and told("inbound_dead") == 1 and told("jobs", kind="new_kind", state="todo") == 1
    assert told("sending_held", why="paused") == 1 and told("sending_held", why="restored") == 0
    assert told("flags_open", level="emergency") == 1 and told("windows_closing") == 1
