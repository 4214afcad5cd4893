"""通讯录: the corp's departments and members, as far as the app may see them (doc:90208, 90201, 90196)."""

from collections.abc import AsyncIterator, Iterable

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.reply import Reply, read

DISABLED, LEFT = 2, 5


class Department(Reply):
    """A department; 1 is the corp itself. Departments with a higher ``order`` stand first."""

    id: int
    name: str = ""
    parentid: int = 0
    order: int = 0
    department_leader: tuple[str, ...] = ()


class Member(Reply):
    """A member. ``status``: 1 active, 2 disabled, 4 never logged in, 5 left. Mobile and mail are not given to apps made since 2022."""

    userid: str
    name: str = ""
    department: tuple[int, ...] = ()
    main_department: int | None = None
    is_leader_in_dept: tuple[int, ...] = ()
    position: str = ""
    status: int = 1

    @property
    def employed(self) -> bool:
        """Whether the corp has neither disabled nor dismissed the member."""
        return self.status not in (DISABLED, LEFT)

    @property
    def leads(self) -> tuple[int, ...]:
        """The departments that the member leads."""
        return tuple(number for number, leader in zip(self.department, self.is_leader_in_dept, strict=False) if leader)


class MemberName(Reply):
    """What a list of names needs."""

    userid: str
    name: str = ""
    department: tuple[int, ...] = ()


class _Departments(Reply):
    department: tuple[Department, ...] = ()


class _Members(Reply):
    userlist: tuple[Member, ...] = ()


class _Names(Reply):
    userlist: tuple[MemberName, ...] = ()


async def departments(client: WecomClient, below: int | None = None) -> tuple[Department, ...]:
    """``below`` and everything under it, or all that the app sees. Raises WecomError (``no_department`` for one that is not there)."""
    chosen = {} if below is None else {"id": below}
    return read(_Departments, await client.get("department/list", **chosen)).department


async def department_members(client: WecomClient, department: int) -> tuple[Member, ...]:
    """The members who stand in this very department; those of departments below it are not among them. Raises WecomError."""
    return read(_Members, await client.get("user/list", department_id=department)).userlist


async def department_names(client: WecomClient, department: int) -> tuple[MemberName, ...]:
    """The same with names alone. Raises WecomError."""
    return read(_Names, await client.get("user/simplelist", department_id=department)).userlist


async def members(client: WecomClient, among: Iterable[Department]) -> AsyncIterator[Member]:
    """Every member who stands in one of these departments, as ``departments`` gives them; each once.

    One call a department. Raises WecomError in the middle rather than leave a department out: whoever compares with the members of
    before must not take a failure for a departure, so act only when the iteration has ended by itself.
    """
    seen: set[str] = set()
    for each in among:
        for member in await department_members(client, each.id):
            if member.userid not in seen:
                seen.add(member.userid)
                yield member


async def member(client: WecomClient, userid: str) -> Member | None:
    """One member; None when there is none of that id. Raises WecomError (``not_granted`` for one whom the app may not see)."""
    try:
        return read(Member, await client.get("user/get", userid=userid))
    except WecomError as err:
        if err.code == "no_recipient":
            return None
        raise
