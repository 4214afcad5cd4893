"""A department's own triage: proposed by one, approved by another clinician of the team, and in force for its patients alone."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from bot.tables import Tables
from plans.finding import patient_facts
from records.patient import Patient
from records.role import Role, StaffRole
from records.staff import Staff, Team
from records.triage_overlay import TriageOverlay
from tagging.content import load_all, put_in_force
from tagging.reload import Watch
from tagging.triage import triage_text
from tests.console.stage import NOW, ZONE, Stage

CHANGE = "rules:\n  bleed_low_plt.nosebleed: {level: urgent}\n"


@pytest.fixture(autouse=True)
def house() -> Iterator[None]:
    """The tables of the house hold again afterwards."""
    yield
    put_in_force(load_all())


async def level(stage: Stage, number: str) -> str:
    """How a nosebleed of this patient is judged."""
    async with stage.db.transaction() as tx:
        patient = (await tx.scalars(select(Patient).where(Patient.record_number == number))).one()
        facts = await patient_facts(tx, patient, now=NOW, zone=ZONE)
    return triage_text("流鼻血了", context=None, patient=facts, now=NOW).level


async def overlay(stage: Stage) -> TriageOverlay:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(TriageOverlay).order_by(TriageOverlay.id.desc()).limit(1))).one()


async def test_two_clinicians_change_triage_for_their_own_patients(stage: Stage) -> None:
    admin, lead = await stage.client("admin"), await stage.client("zhangwei")
    form = {"department": "随访中心", "text": CHANGE, "why": "本团队患儿多有血小板低"}
    tried = await (await admin.post("/admin/triage/new", **form, do="try", said="流鼻血了", months="30")).text()
    assert "现在判为<strong>当天</strong>，调整后判为<strong>尽快</strong>" in tried
    assert "said=overlay_proposed" in (await admin.post("/admin/triage/new", **form, do="save")).headers["Location"]
    row = await overlay(stage)
    assert (await admin.post(f"/admin/triage/{row.id}/approve")).status == 403
    tables = Tables(stage.db, ZONE, Watch())
    await tables.refresh()
    assert await level(stage, "D0001") == "same_day"
    assert "said=overlay_active" in (await lead.post(f"/admin/triage/{row.id}/approve")).headers["Location"]
    await tables.refresh()
    assert (await level(stage, "D0001"), await level(stage, "R0001")) == ("urgent", "same_day")
    assert "使用中" in await lead.text("/admin/triage")
    assert "said=overlay_ended" in (await lead.post(f"/admin/triage/{row.id}/end")).headers["Location"]
    await tables.refresh()
    assert await level(stage, "D0001") == "same_day"
    assert "wrong=state" in (await lead.post(f"/admin/triage/{row.id}/approve")).headers["Location"]


async def test_neither_the_author_nor_another_teams_lead_nor_a_nurse_approves(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        role = (await tx.scalars(select(Role.id).where(Role.code == "lead"))).one()
        team = (await tx.scalars(select(Team.id).where(Team.name == "呼吸科"))).one()
        qinlan = (await tx.scalars(select(Staff.id).where(Staff.userid == "qinlan"))).one()
        tx.add(StaffRole(staff_id=qinlan, role_id=role, team_id=team))
    lead, other, nurse = await stage.client("zhangwei"), await stage.client("qinlan"), await stage.client("linyue")
    await lead.post("/admin/triage/new", department="随访中心", text=CHANGE, why="试", do="save")
    row = await overlay(stage)
    assert "wrong=own" in (await lead.post(f"/admin/triage/{row.id}/approve")).headers["Location"]
    assert (await other.post(f"/admin/triage/{row.id}/approve")).status == 403
    assert (await nurse.get("/admin/triage")).status == 403
    assert (await nurse.post(f"/admin/triage/{row.id}/approve")).status == 403
    assert (await overlay(stage)).state == "draft"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"text": "rules: {convulsion.convulsion: {level: urgent}}"}, "convulsion.convulsion"),
        ({"text": "rules: {nothing.there: {level: urgent}}"}, "nothing.there"),
        ({"text": "rules: ["}, "写法不对"),
        ({"text": "approved_by: 王主任"}, "approved_by"),
        ({"text": "<script>alert(1)</script>"}, "还没有写任何调整"),
        ({"text": CHANGE, "why": " "}, "请写明为什么"),
        ({"text": CHANGE, "department": "别的科"}, "请选择团队"),
        ({"text": "replies: {convulsion: {default: '可以掐人中，拨打120'}}"}, "convulsion"),
    ],
)
async def test_what_weakens_or_errs_is_refused_and_stays_on_the_page(stage: Stage, form: dict[str, str], told: str) -> None:
    admin = await stage.client("admin")
    given = {"department": "随访中心", "why": "试", **form}
    answer = await admin.post("/admin/triage/new", **given, do="save")
    page = await answer.text()
    assert answer.status == 422 and told in page and "<script>alert" not in page
    assert "调整" in await (await admin.post("/admin/triage/new", **given, do="try")).text()
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(TriageOverlay))).all() == []
