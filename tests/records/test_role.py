"""Rights by role and team."""

from sqlalchemy import select

from records.database import Database
from records.role import RIGHTS, Rights, rights_of, who_may
from records.schema import Role, Staff, StaffRole, Team, TeamMember


async def test_a_member_is_a_clinician_until_his_team_gives_him_a_role(db: Database) -> None:
    async with db.transaction() as tx:
        here, there = Team(name="随访中心"), Team(name="呼吸科")
        staff = Staff(userid="linyue", name="林悦", title="护士")
        editor = Role(code="only_content", name="宣教", rights=["content.write"])
        tx.add_all([here, there, staff, editor])
        await tx.flush()
        tx.add_all([TeamMember(team_id=team.id, staff_id=staff.id) for team in (here, there)])
        tx.add(StaffRole(staff_id=staff.id, role_id=editor.id, team_id=there.id))
        await tx.flush()
        rights = await rights_of(tx, staff)
        assert rights.has("care.act", here.id) and not rights.has("care.act", there.id)
        assert rights.has("content.write", there.id) and not rights.has("content.write", here.id) and rights.has("content.write")
        assert rights.teams_with("care.read", [here.id, there.id]) == [here.id]
        assert await who_may(tx, "content.write", there.id) == ["林悦"] == await who_may(tx, "content.write", None)
        assert await who_may(tx, "content.write", here.id) == [] == await who_may(tx, "content.write", None, but=["linyue"])
        staff.active = False
        assert await rights_of(tx, staff) == Rights()
        assert await who_may(tx, "content.write", there.id) == [], "who left"


async def test_a_role_for_everywhere_holds_in_every_team_and_opens_no_patients(db: Database) -> None:
    async with db.transaction() as tx:
        admin = (await tx.scalars(select(Role).where(Role.code == "administrator"))).one()
        staff = Staff(userid="admin", name="周正", title="信息科")
        tx.add(staff)
        await tx.flush()
        tx.add(StaffRole(staff_id=staff.id, role_id=admin.id))
        await tx.flush()
        rights = await rights_of(tx, staff)
        assert rights.has("staff.manage", 999) and not rights.has("care.read")


async def test_the_built_in_roles_are_made_of_known_rights(db: Database) -> None:
    async with db.transaction() as tx:
        roles = {role.code: set(role.rights) for role in await tx.scalars(select(Role))}
    assert set.union(*roles.values()) <= set(RIGHTS) and "clinician" in roles
