"""What a family gets that asks for everything on file, and who may hand it out."""

import io
import json
import zipfile

from sqlalchemy import select

from records.chat import Chat
from records.message import Inbound
from records.patient import Carer, PatientCarer, ReadAudit
from records.refusal import AccessRefusal
from records.staff import Team
from records.state import StateChange
from tests.console.stage import NOW, Stage


async def family(stage: Stage) -> tuple[int, int]:
    """Mother and father of D0001, each with a chat of their own."""
    patient_id, ids = await stage.patient("D0001"), []
    async with stage.db.transaction() as tx:
        team = (await tx.scalars(select(Team.id).where(Team.name == "随访中心"))).one()
        for name, relationship in (("赵敏", "妈妈"), ("王磊", "爸爸")):
            carer = Carer(name=name, external_userid=f"wm{name}")
            tx.add(carer)
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient_id, carer_id=carer.id, relationship=relationship, primary=relationship == "妈妈"))
            chat = Chat(open_kfid="wk1", external_userid=f"wm{name}", carer_id=carer.id, team_id=team, patient_id=patient_id, opened_at=NOW)
            tx.add(chat)
            await tx.flush()
            body = {"chat_id": chat.id, "msgid": f"m{name}", "origin": 3, "msgtype": "text", "text": f"{name}说的话", "body": {}}
            tx.add(Inbound(**body, sent_at=NOW, received_at=NOW, state="done"))
            ids.append(carer.id)
    return ids[0], ids[1]


async def test_a_mother_gets_the_record_and_her_own_words(stage: Stage) -> None:
    mother, _ = await family(stage)
    admin = await stage.client("admin")
    assert "赵敏（妈妈）" in await admin.text("/admin/export?patient=d0001")
    async with stage.db.transaction() as tx:
        assert [(row.patient_id, row.why) for row in await tx.scalars(select(ReadAudit))] == [(await stage.patient("D0001"), "export")]
    assert "没有这个病历号" in await admin.text("/admin/export?patient=X1")
    assert "wrong=export_reason" in (await admin.post("/admin/export", patient="D0001", carer=str(mother))).headers["Location"]
    answer = await admin.post("/admin/export", patient="D0001", carer=str(mother), reason="母亲当面申请")
    assert answer.status == 200 and answer.headers["Content-Disposition"] == 'attachment; filename="D0001.zip"'
    file = zipfile.ZipFile(io.BytesIO(await answer.read()))
    parts = {name: json.loads(file.read(name)) for name in file.namelist()}
    resources = {entry["resource"]["resourceType"] for entry in parts["record.fhir.json"]["entry"]}
    assert "Patient" in resources
    assert [line["text"] for line in parts["chat.json"]] == ["赵敏说的话"]
    assert [line["why"] for line in parts["reads.json"]] == ["export"]
    async with stage.db.transaction() as tx:
        change = (await tx.scalars(select(StateChange).where(StateChange.new == "exported"))).one()
        assert (change.by, change.reason) == ("admin", "母亲当面申请")
        assert (await tx.scalars(select(ReadAudit.why))).all() == ["export"]


async def test_neither_a_nurse_nor_another_teams_lead_hands_it_out(stage: Stage) -> None:
    _, father = await family(stage)
    nurse, lead, admin = await stage.client("linyue"), await stage.client("zhangwei"), await stage.client("admin")
    assert (await nurse.post("/admin/export", patient="D0001", reason="x")).status == 403
    assert (await lead.get("/admin/export?patient=R0001")).status == 404
    assert (await lead.post("/admin/export", patient="R0001", reason="x")).status == 404
    assert (await admin.post("/admin/export", patient="R0001", carer=str(father), reason="x")).status == 404
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(ReadAudit))).all() == []
        assert len((await tx.scalars(select(AccessRefusal))).all()) == 4
