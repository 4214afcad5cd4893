"""A family is erased while its follow-ups run, and writes again afterwards: as somebody whom nobody knows."""

from datetime import timedelta

from sqlalchemy import func, select

from bot.media import forget_files
from plans.erasure import erase, file_request
from records.care_plan import Task
from records.erasure import Erasure
from records.message import Inbound, Outbound
from records.patient import Patient
from records.staff import Staff
from tests.bot.stage import Stage
from tests.bot.test_media import upload


async def person(stage: Stage, userid: str) -> int:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Staff.id).where(Staff.userid == userid))).one()


async def test_nothing_is_sent_and_nothing_is_left_and_the_mother_can_write_again(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39})
    await stage.enrol(mother.patients[0], discharged_days_ago=2)
    await mother.sends("image", media_id=await upload(stage))
    await mother.says("烧到38度5了，才六天")
    (file,) = (each for each in stage.media.rglob("*") if each.is_file())
    assert len(await stage.cards("linyue")) > 0
    async with stage.db.transaction() as tx:
        patient, lin = await tx.get_one(Patient, mother.patients[0]), await tx.get_one(Staff, await person(stage, "linyue"))
        request = await file_request(tx, patient, lin, relationship="母亲", why="转院", checked="身份证", now=stage.clock())
        number = request.id
    # From here on nothing comes by itself, though the follow-up of the next morning was planned.
    heard = len(await mother.hears())
    await stage.move(timedelta(days=1))
    assert len(await mother.hears()) == heard
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Task).where(Task.state == "scheduled")) == 0
        request, he = await tx.get_one(Erasure, number), await tx.get_one(Staff, await person(stage, "hemin"))
        await forget_files(tx, await erase(tx, request, he, now=stage.clock()))
    await stage.settle()
    assert not file.exists()
    async with stage.db.transaction() as tx:
        for table in (Patient, Inbound, Outbound):
            assert await tx.scalar(select(func.count()).select_from(table)) == 0
    await mother.says("你好")
    assert (await mother.last()).endswith("听到：你好")
    # Danger is answered, whoever it is.
    await mother.says("孩子抽搐了")
    assert "120" in await mother.last()
    assert [flag.patient_id for flag in await stage.flags()] == [None]
