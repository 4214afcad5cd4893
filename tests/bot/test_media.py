"""Pictures are fetched before WeCom forgets them, and answered honestly."""

from sqlalchemy import select

from records.message import Inbound
from tests.bot.stage import Stage

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


async def upload(stage: Stage) -> str:
    import aiohttp

    form = aiohttp.FormData()
    form.add_field("media", PNG, filename="rash.png", content_type="image/png")
    async with stage.session.post(f"{stage.simulator_url}/sim/media?type=image", data=form) as answer:
        return str((await answer.json())["media_id"])


async def test_a_picture_is_kept_and_answered(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.sends("image", media_id=await upload(stage))
    assert "图片收到" in await mother.last()
    async with stage.db.transaction() as tx:
        message = (await tx.scalars(select(Inbound).where(Inbound.msgtype == "image"))).one()
    note = message.outcome["media"]
    assert note["bytes"] == len(PNG)
    assert (stage.media / note["file"]).read_bytes() == PNG


async def test_a_picture_that_is_gone_is_noted_and_still_answered(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await stage.control("POST", "faults", path="media/get", times=1, errcode=40007)
    await mother.sends("image", media_id=await upload(stage))
    assert "图片收到" in await mother.last()
    async with stage.db.transaction() as tx:
        message = (await tx.scalars(select(Inbound).where(Inbound.msgtype == "image"))).one()
    assert message.outcome["media"] == {"error": "media_gone"}
