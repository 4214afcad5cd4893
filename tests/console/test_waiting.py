"""Beside the navigation: what waits for somebody, for whoever may decide it and has not written it, and for nobody else."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.live import hub as hub_module
from records.adaptation import AdaptationRule
from records.content import ContentItem, ContentVersion
from records.correction import Correction
from records.erasure import Erasure
from records.mass_message import MassMessage
from records.model_version import ModelComparison, ModelVersion, TrainingSet
from records.patient import Carer, Patient
from records.plan_definition import PlanDefinition
from records.role import Role, StaffRole
from records.staff import Staff, Team
from records.state import StateChange, created
from records.triage_overlay import TriageOverlay
from tests.console.stage import NOW, Client, Stage
from tests.console.test_live import heard, listen


def mass_message(team_id: int, by: int) -> MassMessage:
    words = {"title": "停诊", "text": "停诊", "audience": {}, "audience_text": ""}
    return MassMessage(team_id=team_id, state="submitted", created_by=by, created_at=NOW, **words)


async def plant(stage: Stage, author: str, team: str = "随访中心") -> None:
    """One of each that waits, written by `author` in `team`."""
    async with stage.db.transaction() as tx:
        writer = (await tx.scalars(select(Staff).where(Staff.userid == author))).one()
        team_id = (await tx.scalars(select(Team.id).where(Team.name == team))).one()
        child = (await tx.scalars(select(Patient).where(Patient.team_id == team_id).order_by(Patient.id))).first()
        assert child is not None
        item, carer = ContentItem(code="line-care", kind="article", team_id=team_id, at=NOW, by=author), Carer(name="家长")
        tx.add_all([item, carer])
        await tx.flush()
        written = {"author": author, "created_at": NOW}
        tx.add_all(
            [
                ContentVersion(
                    content_id=item.id, version=1, title="护理", definition={}, tags=[], reading_level=1, source="", editors=[author],
                    review_by=(NOW + timedelta(days=90)).date(), **written,
                ),
                mass_message(team_id, writer.id),
                PlanDefinition(template="own", version=1, body={}, **written),
                AdaptationRule(rule="own", version=1, definition="", changed_at=NOW, **written),
                TriageOverlay(department=team, version=1, definition="", why="", changed_at=NOW, **written),
                Correction(patient_id=child.id, carer_id=carer.id, field="name", was="朵朵", wanted="多多", said="", filed_at=NOW),
                Erasure(patient_id=child.id, team_id=team_id, relationship="母亲", why="", checked="", filed_by=writer.id, filed_at=NOW),
            ]
        )  # fmt: skip


async def changed(stage: Stage, **fields: str) -> None:
    """Somebody did something with the content."""
    async with stage.db.transaction() as tx:
        version = (await tx.scalars(select(ContentVersion))).one()
        tx.add(StateChange(entity="content_version", entity_id=version.id, at=NOW, by="zhangwei", **fields))


async def beside(client: Client, path: str = "/tour") -> dict[str, int]:
    """The numbers that the navigation shows, by the end of their ids."""
    return {name: int(number) for name, number in re.findall(r'id="waits-([\w-]+)"[^>]*title="(\d+)', await client.text(path))}


ALL = {"corrections", "plans", "content", "mass", "admin-rules", "admin-triage"}


async def test_who_may_decide_is_told_and_no_author_and_no_other_team(stage: Stage) -> None:
    await plant(stage, "linyue")
    zhang = await beside(await stage.client("zhangwei"))
    assert zhang == dict.fromkeys(ALL, 1)
    phone = await (await stage.client("zhangwei")).text("/m")
    assert 'href="/console/mass"' in phone and "1条待您审核" in phone and "等您审核" not in await (await stage.client("qinlan")).text("/m")
    # What he sent back waits for its author, until it is changed.
    await changed(stage, old="draft", new="draft", reason="太长")
    assert "content" not in await beside(await stage.client("zhangwei"))
    await changed(stage, old="draft", new="draft", reason="changed")
    assert (await beside(await stage.client("zhangwei")))["content"] == 1
    # A nurse decides of these only what a family wants corrected, and of another team not even that.
    assert await beside(await stage.client("linyue")) == {"corrections": 1}
    assert await beside(await stage.client("qinlan")) == {}
    assert await beside(await stage.client("admin")) == {"admin-erasures": 1}


async def test_an_author_is_not_asked_for_his_own(stage: Stage) -> None:
    await plant(stage, "zhangwei")
    assert await beside(await stage.client("zhangwei")) == {"corrections": 1}


async def test_a_lead_of_another_team_hears_of_what_is_of_the_whole_hospital(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        lead = (await tx.scalars(select(Role.id).where(Role.code == "lead"))).one()
        qin, team = (await tx.scalars(select(Staff.id).where(Staff.userid == "qinlan"))).one(), await _team(tx, "呼吸科")
        tx.add(StaffRole(staff_id=qin, role_id=lead, team_id=team))
    await plant(stage, "linyue")
    assert await beside(await stage.client("qinlan")) == {"plans": 1, "admin-rules": 1}


async def _team(tx: AsyncSession, name: str) -> int:
    return (await tx.scalars(select(Team.id).where(Team.name == name))).one()


async def test_a_model_waits_once_it_was_found_no_worse(stage: Stage) -> None:
    admin = await stage.client("admin")
    async with stage.db.transaction() as tx:
        data = TrainingSet(fingerprint="x", content={}, examples=1, labelled=0, at=NOW, by="admin")
        tx.add(data)
        await tx.flush()
        model = ModelVersion(training_set_id=data.id, program="", sha256="", metrics={}, by="admin", at=NOW)
        tx.add(model)
        await tx.flush()
        worse = ModelComparison(version_id=model.id, result={}, refusals=["差了"], by="admin", at=NOW)
        tx.add(worse)
    assert await beside(admin) == {}
    async with stage.db.transaction() as tx:
        tx.add(ModelComparison(version_id=model.id, result={}, refusals=[], by="admin", at=NOW))
    assert await beside(admin) == {"nlu": 1}


async def test_the_numbers_are_renewed_as_they_change(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "EVERY", 0.02)
    zhang = await stage.client("zhangwei")
    page = await zhang.text("/tour")
    assert 'hx-trigger="live:waiting from:body"' in page and 'id="waits-mass" hidden' in page
    line = await listen(zhang, "waiting")
    async with stage.db.transaction() as tx:
        writer = (await tx.scalars(select(Staff.id).where(Staff.userid == "linyue"))).one()
        message = mass_message(await _team(tx, "随访中心"), writer)
        tx.add(message)
        await tx.flush()
        created(tx, message, at=NOW, by="linyue")
    assert await heard(line, 1) == {"change waiting"}
    part = await (await zhang.get("/waiting", headers={"HX-Request": "true", "X-Live": "1"})).text()
    assert 'id="waits-mass" hx-swap-oob="true" title="1条待您审核">1<span class="sr">条待您审核</span>' in part
    assert 'id="waits-content" hx-swap-oob="true" hidden' in part and "菜单里有</span>1<" in part
