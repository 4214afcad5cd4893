"""A family that floods the chat: stored, judged, seen by a person, and a burden to nobody else. Danger is never held back."""

from datetime import timedelta

from sqlalchemy import func, select

from bot.limiter import Limiter
from records.message import Inbound
from tests.bot.stage import Stage


async def test_a_flood_is_stored_and_judged_and_another_family_is_answered(stage: Stage) -> None:
    stage.turns.limiter = Limiter(3)
    flood = await stage.family("zhao", {"name": "小满", "days": 400})
    other = await stage.family("qian", {"name": "安安", "days": 200})
    for number in range(5):
        await flood.says(f"第{number}句")
    assert "不逐条回复" in await flood.last()
    # One alert for the flood, however long it is.
    assert [(flag.category, flag.level) for flag in await stage.flags()] == [("too_many", "same_day")]
    await other.says("今天挺好的")
    assert await other.last() == "听到：今天挺好的"

    await flood.says("刚才抽了一下，现在叫不醒")
    assert "120" in await flood.last()
    assert "emergency" in {flag.level for flag in await stage.flags()}
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).where(Inbound.origin == 3, Inbound.state != "done")) == 0

    await stage.move(timedelta(minutes=2))
    await flood.says("好些了")
    assert await flood.last() == "听到：好些了"
