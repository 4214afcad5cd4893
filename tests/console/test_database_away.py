"""While the database takes no writes, pages say so and what to do; what could not be kept was not kept, and can be sent again."""

from records.database import Database
from tests.console.family_stage import hidden, open_family
from tests.console.stage import Stage
from tests.read_only import read_only


async def test_a_family_is_told_and_sends_it_again(db: Database) -> None:
    async with open_family(db) as family:
        phone, child = await family.signed_in(), await family.child("小满")
        path = f"/h5/{child}/report/temperature"
        given = hidden(await phone.text(path)) | {"temperature": "39.8"}
        async with read_only(db):
            answer = await phone.post(path, given)
            page = await answer.text()
            assert answer.status == 503 and "没有存下" in page and "120" in page
        assert await family.messages() == []
        assert "急诊" in await phone.follow(await phone.post(path, given))
        assert len(await family.messages()) == len(await family.flags()) == 1


async def test_staff_are_told(stage: Stage) -> None:
    nurse = await stage.client("linyue")
    async with read_only(stage.db):
        answer = await nurse.post("/sign-out")
        assert answer.status == 503 and "数据库暂时不能用" in await answer.text()
        # What is refused is refused also where it cannot be noted.
        assert (await nurse.get("/admin/jobs")).status == 403
    assert (await nurse.get("/work")).status == 200
