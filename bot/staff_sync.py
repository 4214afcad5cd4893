"""Staff and departments as WeCom's directory has them: taken over whole, and changed early by its callbacks.

Nobody gets a right by it: whoever comes belongs to no team until somebody puts him there. Whoever leaves the corp leaves here too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.leaving import leave
from integrations.wecom import directory
from integrations.wecom.client import WecomClient
from integrations.wecom.directory_event import DepartmentChange, MemberChange, read_contact_change
from records.database import Database
from records.setting import Setting
from records.staff import Department, Staff

log = structlog.get_logger(__name__)

SETTING = "directory"
BY = "wecom"
# More than this at once is rather a range of the app that became smaller than people who left.
MOST_LEFT, SHARE_LEFT = 5, 0.2


class StaffSyncError(Exception):
    """The directory cannot be taken over: `code` is empty or too_many_left; `count` says how many."""

    permanent = True

    def __init__(self, code: str, count: int = 0) -> None:
        super().__init__(f"{code} {count}")
        self.code, self.count = code, count


@dataclass(frozen=True)
class Corp:
    """The directory as one look found it."""

    departments: tuple[directory.Department, ...]
    members: tuple[directory.Member, ...]


@dataclass(frozen=True)
class Synced:
    """What became of a look: how many came and changed, who left, and who is back in the directory but not yet here (userids)."""

    new: int
    changed: int
    left: tuple[str, ...]
    back: tuple[str, ...]


async def look_up(client: WecomClient) -> Corp:
    """The whole directory. Raises WecomError rather than return a part."""
    departments = await directory.departments(client)
    return Corp(departments, tuple([each async for each in directory.members(client, departments)]))


async def take_over(tx: AsyncSession, corp: Corp, *, now: datetime) -> Synced:
    """Bring departments and staff up to date. Raises StaffSyncError before anything is written."""
    if not corp.members:
        raise StaffSyncError("empty")
    known = {staff.userid: staff for staff in await tx.scalars(select(Staff).order_by(Staff.id))}
    employed = {member.userid for member in corp.members if member.employed}
    gone = [
        staff
        for staff in known.values()
        if staff.active and staff.userid not in employed
        and (staff.directory_at is not None or staff.userid in {member.userid for member in corp.members})
    ]  # fmt: skip
    seen = sum(staff.active and staff.directory_at is not None for staff in known.values())
    if len(gone) > max(MOST_LEFT, SHARE_LEFT * seen):
        raise StaffSyncError("too_many_left", len(gone))
    places = await _departments(tx, corp.departments)
    new = changed = 0
    for member in corp.members:
        staff, title = known.get(member.userid), member.position
        main = member.main_department or next(iter(member.department), None)
        place = places.get(main) if main is not None else None
        if staff is None:
            if member.employed:
                tx.add(Staff(userid=member.userid, name=member.name, title=title, department_id=place, directory_at=now))
                new += 1
            continue
        before = (staff.name, staff.title, staff.department_id)
        staff.name, staff.title, staff.department_id, staff.directory_at = member.name or staff.name, title or staff.title, place, now
        changed += before != (staff.name, staff.title, staff.department_id)
    for staff in gone:
        await leave(tx, staff, by=BY, now=now)
    back = tuple(sorted(userid for userid in employed if userid in known and not known[userid].active))
    done = Synced(new, changed, tuple(staff.userid for staff in gone), back)
    value = {"at": now.isoformat(), "new": new, "changed": changed, "left": list(done.left), "back": list(back)}
    made = insert(Setting).values(name=SETTING, value=value)
    await tx.execute(made.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    return done


async def contact_event(tx: AsyncSession, fields: Mapping[str, Any], now: datetime) -> None:
    """A change that WeCom told of. Only where the directory has been taken over before: until then staff are kept by hand."""
    change = read_contact_change(fields)
    if isinstance(change, DepartmentChange):
        if change.change != "delete" and await tx.get(Setting, SETTING) is not None:
            given = directory.Department(id=change.id, name=change.name or "", parentid=change.parentid or 0)
            await _departments(tx, [given])
        return
    if not isinstance(change, MemberChange):
        return
    staff = await tx.scalar(select(Staff).where(Staff.userid == change.userid).with_for_update())
    ended = change.change == "delete" or change.status in (directory.DISABLED, directory.LEFT)
    if staff is None:
        if not ended and change.name and await tx.get(Setting, SETTING) is not None:
            tx.add(Staff(userid=change.new_userid or change.userid, name=change.name, title="", directory_at=now))
        return
    if ended:
        await leave(tx, staff, by=BY, now=now)
        return
    staff.userid, staff.name, staff.directory_at = change.new_userid or staff.userid, change.name or staff.name, now


class StaffSync:
    """Looks the directory up now and then, once an administrator has taken it over for the first time."""

    def __init__(self, db: Database, client: WecomClient, clock: Callable[[], datetime]) -> None:
        self._db, self._client, self._clock = db, client, clock

    async def look(self) -> None:
        """One look. A directory that cannot be asked, or that half of the staff is missing from, changes nothing and is told in the log."""
        async with self._db.transaction() as tx:
            if await tx.get(Setting, SETTING) is None:
                return
        corp = await look_up(self._client)
        try:
            async with self._db.transaction() as tx:
                done = await take_over(tx, corp, now=self._clock())
        except StaffSyncError as err:
            log.error("directory not taken over", code=err.code, count=err.count)
            return
        if done.new or done.left:
            log.info("directory taken over", new=done.new, left=len(done.left))


async def _departments(tx: AsyncSession, given: Sequence[directory.Department]) -> dict[int, int]:
    """Our ids by WeCom's; a department that is not there yet is made, one that has gone stays."""
    known = {row.wecom_id: row for row in await tx.scalars(select(Department).where(Department.wecom_id.is_not(None)))}
    for each in given:
        if each.id not in known:
            known[each.id] = Department(name=each.name or str(each.id), wecom_id=each.id)
            tx.add(known[each.id])
        elif each.name:
            known[each.id].name = each.name
    await tx.flush()
    for each in given:
        if each.parentid:
            known[each.id].parent_id = known[each.parentid].id if each.parentid in known else None
    return {number: row.id for number, row in known.items() if number is not None}
