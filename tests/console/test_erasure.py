"""A family has its child's data erased: filed by one, confirmed by another, and whoever of another team tries."""

import json
import re

from sqlalchemy import func, select, text

from records.chat import Chat
from records.erasure import Erasure, KeptRecord, Tombstone
from records.flag import raise_flag
from records.message import Inbound
from records.patient import Patient
from records.refusal import AccessRefusal
from records.role import Role, StaffRole
from records.staff import Staff
from records.state import StateChange
from tests.console.stage import NOW, Client, Stage

FORM = (("relationship", "母亲"), ("why", "朵朵已转院"), ("checked", "当面核对身份证"))


async def may_erase(stage: Stage, userid: str) -> Client:
    """Somebody of a team whom the hospital trusts with it, for the patients of that team."""
    async with stage.db.transaction() as tx:
        staff = (await tx.scalars(select(Staff).where(Staff.userid == userid))).one()
        team = await tx.scalar(text("select team_id from team_member where staff_id = :staff"), {"staff": staff.id})
        role = Role(code=f"erase_{userid}", name="数据保护", rights=["data.erase"])
        tx.add(role)
        await tx.flush()
        tx.add(StaffRole(staff_id=staff.id, role_id=role.id, team_id=team))
    return await stage.client(userid)


async def filed(stage: Stage, client: Client, number: str = "D0001") -> str:
    """The page of a request that `client` has filed."""
    answer = await client.post("/admin/erasures", [("patient", number), *FORM])
    found = re.search(r"/admin/erasures/\d+", answer.headers["Location"])
    assert found is not None, answer.headers["Location"]
    return found[0]


async def with_words(stage: Stage, number: str = "D0001") -> None:
    """The child's family has written, and there was an alert."""
    async with stage.db.transaction() as tx:
        child = (await tx.scalars(select(Patient).where(Patient.record_number == number))).one()
        chat = Chat(open_kfid="wk1", external_userid="wmDuoduo", patient_id=child.id, team_id=child.team_id, opened_at=NOW)
        tx.add(chat)
        await tx.flush()
        given = {"origin": 3, "msgtype": "text", "sent_at": NOW, "received_at": NOW, "state": "done"}
        tx.add(Inbound(chat_id=chat.id, msgid="m1", text="朵朵发烧", body={"text": {"content": "朵朵发烧"}}, **given))
        said, because = "朵朵发烧", "38.5"
        await raise_flag(tx, chat, level="urgent", categories=["fever"], said=said, because=because, evidence=[], now=NOW)


async def test_one_files_and_another_confirms_with_the_number_in_hand(stage: Stage) -> None:
    await with_words(stage)
    admin, lead = await stage.client("admin"), await may_erase(stage, "zhangwei")
    page = await admin.text("/admin/erasures?patient=D0001")
    assert "朵朵" in page and "家属消息1条" in page and "第五十三条" in page
    there = await filed(stage, admin)
    assert "要由另一位有权限的同事" in await admin.text(there)
    refused = await admin.post(f"{there}/confirm", number="D0001")
    assert "不能自己确认" in await admin.text(refused.headers["Location"].removeprefix("/console"))
    assert "朵朵已转院" in await lead.text(there)
    wrong = await lead.post(f"{there}/confirm", number="D0002")
    assert "病历号不对" in await lead.text(wrong.headers["Location"].removeprefix("/console"))
    assert "said=erasure_done" in (await lead.post(f"{there}/confirm", number="d0001")).headers["Location"]
    page = await lead.text(there)
    assert "删除凭证" in page and "inbound" in page and "朵朵" not in page and "＊已转院" in page
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Patient).where(Patient.record_number == "D0001")) == 0
        assert await tx.scalar(select(func.count()).select_from(Inbound)) == 0
    # It is over, whoever tries again; what is kept is handed out with a reason alone.
    again = await admin.post(f"{there}/confirm", number="D0001")
    assert "wrong=erasure_same_person" in again.headers["Location"]
    assert "wrong=erasure_incomplete" in (await lead.post(f"{there}/kept")).headers["Location"]
    answer = await lead.post(f"{there}/kept", why="医疗纠纷")
    kept = json.loads(await answer.text())
    assert kept[0]["class"] == "alerts" and kept[0]["record"]["said"] == "＊发烧"
    assert "wrong=erasure_incomplete" in (await lead.post(f"{there}/lift")).headers["Location"]
    assert "said=erasure_lifted" in (await lead.post(f"{there}/lift", why="母亲要求")).headers["Location"]
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Tombstone)) == 0
        told = await tx.execute(select(StateChange.new, StateChange.by).where(StateChange.entity == "erasure").order_by(StateChange.id))
        assert told.all() == [("open", "admin"), ("done", "zhangwei"), ("taken_out", "zhangwei"), ("lifted", "zhangwei")]


async def test_a_request_that_is_not_granted_erases_nothing(stage: Stage) -> None:
    admin, lead = await stage.client("admin"), await may_erase(stage, "zhangwei")
    assert "wrong=erasure_incomplete" in (await admin.post("/admin/erasures", patient="D0001")).headers["Location"]
    there = await filed(stage, admin)
    twice = await admin.post("/admin/erasures", [("patient", "D0001"), *FORM])
    assert "已经有一个" in await admin.text(twice.headers["Location"].removeprefix("/console"))
    assert "wrong=erasure_incomplete" in (await lead.post(f"{there}/refuse")).headers["Location"]
    assert "said=erasure_refused" in (await lead.post(f"{there}/refuse", why="不是监护人")).headers["Location"]
    assert "不是监护人" in await lead.text(there) and "确认删除" not in await lead.text(there)
    assert "没有这个病历号" in await admin.text("/admin/erasures?patient=X9")
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Patient)) == 3
        assert (await tx.scalars(select(Erasure.state))).one() == "refused"
        assert await tx.scalar(select(func.count()).select_from(KeptRecord)) == 0


async def test_another_team_and_those_without_the_right_see_and_do_nothing(stage: Stage) -> None:
    there = await filed(stage, await stage.client("admin"), "R0001")
    lead, nurse = await may_erase(stage, "zhangwei"), await stage.client("linyue")
    assert (await lead.get(there)).status == 404
    assert (await lead.post(f"{there}/confirm", number="R0001")).status == 404
    assert (await lead.get("/admin/erasures?patient=R0001")).status == 404
    assert (await lead.post("/admin/erasures", [("patient", "R0001"), *FORM])).status == 404
    assert "母亲" not in await lead.text("/admin/erasures")
    assert (await nurse.get("/admin/erasures")).status == 403
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(Erasure.state))).one() == "open"
        assert await tx.scalar(select(func.count()).select_from(AccessRefusal)) == 5
