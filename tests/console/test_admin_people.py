"""People, roles, teams and the audit, as an administrator works with them and nobody else."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.staff_sync import Corp, StaffSyncError, contact_event, take_over
from console.admin import WHOLE
from console.app import ROUTES
from console.page import sections
from console.password import make_account
from integrations.wecom.directory import Department as WecomDepartment
from integrations.wecom.directory import Member
from records.account import Account
from records.patient import access_patient
from records.refusal import AccessRefusal
from records.role import Role, StaffRole, rights_of
from records.staff import Department, Staff, Team
from tests.console.stage import NOW, Stage

PAGES = ("/admin/people", "/admin/roles", "/admin/roles/new", "/admin/teams", "/admin/audit")


async def person(stage: Stage, userid: str) -> int:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Staff.id).where(Staff.userid == userid))).one()


async def role(stage: Stage, code: str) -> str:
    async with stage.db.transaction() as tx:
        return str((await tx.scalars(select(Role.id).where(Role.code == code))).one())


async def test_nobody_else_comes_in_and_each_try_is_noted(stage: Stage) -> None:
    lead = await stage.client("zhangwei")
    for path in PAGES:
        assert (await lead.get(path)).status == 403
    mine = await person(stage, "zhangwei")
    assert (await lead.post(f"/admin/people/{mine}/role", do="give", role=await role(stage, "administrator"), team="")).status == 403
    async with stage.db.transaction() as tx:
        assert len((await tx.scalars(select(AccessRefusal).where(AccessRefusal.why == "right_missing"))).all()) == len(PAGES) + 1
        assert not (await rights_of(tx, await tx.get_one(Staff, mine))).has("staff.manage")


async def test_an_administrator_of_one_team_comes_to_nothing_that_is_the_whole_hospitals(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        everything = (await tx.scalars(select(Role.id).where(Role.code == "administrator"))).one()
        team = (await tx.scalars(select(Team.id).where(Team.name == "呼吸科"))).one()
        tx.add(StaffRole(staff_id=await person(stage, "qinlan"), role_id=everything, team_id=team))
    qinlan = await stage.client("qinlan")
    for route in WHOLE:
        path = re.sub(r"\{(?:[^{}]|\{[^}]*\})*\}", "1", route.path)
        answer = await (qinlan.get(path) if route.method == "GET" else qinlan.post(path))
        assert answer.status == 403, f"{route.method} {path}"
    async with stage.db.transaction() as tx:
        noted = [(row.method, row.what) for row in await tx.scalars(select(AccessRefusal).order_by(AccessRefusal.id))]
    assert noted == [(route.method, route.needs) for route in WHOLE] and len(WHOLE) > 20
    page = await qinlan.text("/admin/tags")
    assert '"/console/admin/tags"' in page and '"/console/admin/export"' in page
    assert not any(f'"/console{each.path}"' in page for each in sections() if each.whole)


def test_the_navigation_offers_what_may_be_opened() -> None:
    asked = {route.path: route.whole for route in ROUTES if route.method == "GET"}
    assert {each.path: each.whole for each in sections()} == {each.path: asked[each.path] for each in sections()}


async def test_roles_are_made_given_and_taken_and_the_last_administrator_stays(stage: Stage) -> None:
    admin, qinlan = await stage.client("admin"), await person(stage, "qinlan")
    made = await admin.post("/admin/roles/new", name="宣教护士", right="content.write")
    assert "said=role_saved" in made.headers["Location"] and "宣教护士" in await admin.text("/admin/roles")
    empty = await admin.post("/admin/roles/new", name="空的")
    assert empty.status == 422 and "至少勾选一项" in await empty.text()
    async with stage.db.transaction() as tx:
        own = (await tx.scalars(select(Role).where(Role.name == "宣教护士"))).one()
        team = (await tx.scalars(select(Team.id).where(Team.name == "呼吸科"))).one()
        assert own.rights == ["content.write"]
    there = f"/admin/people/{qinlan}"
    await admin.post(f"{there}/role", do="give", role=str(own.id), team=str(team))
    async with stage.db.transaction() as tx:
        rights = await rights_of(tx, await tx.get_one(Staff, qinlan))
        assert rights.has("content.write", team) and not rights.has("care.act", team)
    assert "还有人在用" in await (await admin.post(f"/admin/roles/{own.id}/drop")).text()
    await admin.post(f"{there}/role", do="take", role=str(own.id), team=str(team))
    assert "said=role_dropped" in (await admin.post(f"/admin/roles/{own.id}/drop")).headers["Location"]
    me = f"/admin/people/{await person(stage, 'admin')}"
    administrator = await role(stage, "administrator")
    last = await admin.post(f"{me}/role", do="take", role=administrator, team="")
    assert "至少要有一位" in await admin.text(last.headers["Location"].removeprefix("/console"))
    stripped = await admin.post(f"/admin/roles/{administrator}", name="系统管理员", right="audit.read")
    assert stripped.status == 422 and "至少要有一位" in await stripped.text()
    assert "wrong=role_yourself" in (await admin.post(f"{me}/leave")).headers["Location"]
    async with stage.db.transaction() as tx:
        assert len((await tx.scalars(select(StaffRole).where(StaffRole.role_id == int(administrator)))).all()) == 1


async def test_an_account_is_unlocked_and_somebody_leaves_and_comes_back(stage: Stage) -> None:
    admin, nurse, linyue = await stage.client("admin"), await stage.client("linyue"), await person(stage, "linyue")
    async with stage.db.transaction() as tx:
        account = await make_account(tx, await tx.get_one(Staff, linyue), "linyue", "correct horse 电池", NOW)
        account.locked_until = NOW + timedelta(minutes=5)
    there = f"/admin/people/{linyue}"
    assert "已锁定" in await admin.text(there)
    await admin.post(f"{there}/unlock")
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(Account.locked_until))).one() is None
    assert (await nurse.get("/work")).status == 200
    await admin.post(f"{there}/leave", to="")
    assert (await nurse.get("/work")).status == 303 and "恢复在岗" in await admin.text(there)
    assert "林悦" in await admin.text("/admin/people?left=1") and "林悦" not in await admin.text("/admin/people")
    await admin.post(f"{there}/back")
    async with stage.db.transaction() as tx:
        assert (await tx.get_one(Staff, linyue)).active
    assert (await admin.get("/admin/people/999999")).status == 404


async def test_the_audit_is_found_by_person_patient_and_day(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        linyue = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        await access_patient(tx, linyue, await stage_patient(stage), now=NOW - timedelta(hours=1), why="portrait")
        await access_patient(tx, linyue, await stage_patient(stage), now=NOW - timedelta(days=20), why="tags")
    assert (await (await stage.client("linyue")).get("/team")).status == 403
    admin = await stage.client("admin")
    week = await admin.text("/admin/audit?person=linyue&patient=d-0001")
    assert "画像" in week and "标签" not in week.partition("<tbody>")[2]
    assert "标签" in (await admin.text("/admin/audit?from=2026-02-01&until=2026-02-28")).partition("<tbody>")[2]
    assert "没有记录" in await admin.text("/admin/audit?person=nobody")
    assert "没有这个病历号" in await admin.text("/admin/audit?patient=X")
    assert "team.manage" in await admin.text("/admin/audit?kind=refused")
    assert "审计查询" in (await admin.text("/admin/audit?patient=D0001&page=1")).partition("<tbody>")[2]
    for odd in ("from=yesterday", "page=-3", "page=x", "kind=%3Cscript%3E", "person=%25"):
        assert (await admin.get(f"/admin/audit?{odd}")).status == 200
    await admin.post("/admin/teams", name="肾脏科随访")
    assert "团队" in (await admin.text("/admin/audit?kind=change&person=admin")).partition("<tbody>")[2]
    assert (await admin.get("/admin/audit?kind=change&patient=D0001")).status == 200


async def stage_patient(stage: Stage) -> int:
    return await stage.patient("D0001")


def member(userid: str, name: str, **more: object) -> Member:
    return Member.model_validate({"userid": userid, "name": name, "department": [2], **more})


def corp(*members: Member) -> Corp:
    departments = ({"id": 1, "name": "儿童医院"}, {"id": 2, "name": "随访中心", "parentid": 1})
    return Corp(tuple(WecomDepartment.model_validate(each) for each in departments), members)


async def test_the_directory_is_taken_over_and_gives_no_right(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        done = await take_over(tx, corp(member("linyue", "林悦悦"), member("new", "新人", position="护士")), now=NOW)
        assert (done.new, done.changed, done.left) == (1, 1, ())
    async with stage.db.transaction() as tx:
        new = (await tx.scalars(select(Staff).where(Staff.userid == "new"))).one()
        assert (await rights_of(tx, new)).by_team == {} and new.title == "护士"
        assert {row.name: row.parent_id is None for row in await tx.scalars(select(Department))} == {"儿童医院": True, "随访中心": False}
        # Only who was in the directory before can have left it: the administrator of the first hour stays.
        done = await take_over(tx, corp(member("new", "新人", status=2), member("x", "别人")), now=NOW)
        assert set(done.left) == {"linyue", "new"}
    async with stage.db.transaction() as tx:
        active = set(await tx.scalars(select(Staff.userid).where(Staff.active)))
        assert "admin" in active and not active & {"linyue", "new"}
        assert (await take_over(tx, corp(member("linyue", "林悦"), member("x", "别人")), now=NOW)).back == ("linyue",)
        with pytest.raises(StaffSyncError) as refused:
            await take_over(tx, corp(), now=NOW)
        assert refused.value.code == "empty"


async def test_half_the_hospital_does_not_leave_at_once(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await take_over(tx, corp(*(member(f"m{number}", f"员工{number}") for number in range(20))), now=NOW)
        with pytest.raises(StaffSyncError) as refused:
            await take_over(tx, corp(member("m0", "员工0")), now=NOW)
        assert (refused.value.code, refused.value.count) == ("too_many_left", 19)
        await contact_event(tx, {"Event": "change_contact", "ChangeType": "delete_user", "UserID": "m1"}, NOW)
        await contact_event(tx, {"Event": "change_contact", "ChangeType": "update_user", "UserID": "m2", "NewUserID": "m22"}, NOW)
        await contact_event(tx, {"Event": "change_contact", "ChangeType": "create_user", "UserID": "m30", "Name": "新来的"}, NOW)
        await contact_event(
            tx, {"Event": "change_contact", "ChangeType": "create_party", "Id": "9", "Name": "康复科", "ParentId": "1"}, NOW
        )
    async with stage.db.transaction() as tx:
        active = set(await tx.scalars(select(Staff.userid).where(Staff.active)))
        assert "m1" not in active and {"m22", "m30"} <= active and "m2" not in active
        assert (await tx.scalars(select(Department.name).where(Department.wecom_id == 9))).one() == "康复科"
