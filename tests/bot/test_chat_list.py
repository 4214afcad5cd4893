"""Whose chats a clinician finds in the inbox."""

from sqlalchemy import select

from bot.chat_list import chat_list
from bot.reply import Reply, merge, plain_text
from records.chat import Chat
from records.database import Database
from records.patient import Carer, Patient, PatientCarer
from records.staff import Staff
from tests.console.stage import NOW, plant


async def test_a_search_finds_by_children_of_her_teams_alone(db: Database) -> None:
    async with db.transaction() as tx:
        await plant(tx)
        patients = {row.name: row for row in await tx.scalars(select(Patient))}
        carer = Carer(name="赵晓燕", external_userid="wm1")
        tx.add(carer)
        await tx.flush()
        # One mother of 朵朵, whom 随访中心 follows, and of 果果, whom 呼吸科 follows.
        tx.add_all([PatientCarer(patient_id=patients[name].id, carer_id=carer.id, relationship="母亲") for name in ("朵朵", "果果")])
        team = patients["朵朵"].team_id
        tx.add(Chat(open_kfid="wk1", external_userid="wm1", carer_id=carer.id, team_id=team, opened_at=NOW))
        await tx.flush()
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        found = {said: [item.children for item in await chat_list(tx, lin, NOW, search=said)] for said in ("朵", "果", "赵晓", "%", "_")}
    assert found == {"朵": [("朵朵",)], "果": [], "赵晓": [("朵朵",)], "%": [], "_": []}


def test_a_links_words_are_part_of_what_is_read() -> None:
    bodies = merge([Reply("您的页面在这里。", link=("https://careloop.example/h5/x", "打开我的页面"))])
    assert [plain_text(body) for body in bodies] == ["您的页面在这里。\n打开我的页面"]
