"""Which member of the hospital has which family as a friend in WeCom: only such a member may write to it, or send it a mass message."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Text, bindparam, exists, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base


class Friendship(Base):
    """A member (`userid`) and a customer, as WeCom says; `until` is when one of them ended it."""

    __tablename__ = "friendship"

    external_userid: Mapped[str] = mapped_column(primary_key=True)
    userid: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]


async def befriend(tx: AsyncSession, pairs: Iterable[tuple[str, str]], now: datetime) -> None:
    """These pairs (external_userid, userid) are friends."""
    rows = [{"external_userid": customer, "userid": member, "since": now, "until": None} for customer, member in pairs]
    if rows:
        made = insert(Friendship)
        again = {"since": made.excluded.since, "until": None}
        await tx.execute(
            made.on_conflict_do_update(index_elements=["external_userid", "userid"], set_=again, where=Friendship.until.is_not(None)),
            rows,
        )


async def part_ways(tx: AsyncSession, external_userid: str, userid: str, now: datetime) -> None:
    """One of the two has ended it."""
    await tx.execute(
        update(Friendship)
        .where(Friendship.external_userid == external_userid, Friendship.userid == userid, Friendship.until.is_(None))
        .values(until=now)
    )


async def keep_only(tx: AsyncSession, userids: Collection[str], pairs: Collection[tuple[str, str]], now: datetime) -> None:
    """End the friendships of these members that are not among `pairs` (external_userid, userid)."""
    customers, members = [customer for customer, _ in pairs], [member for _, member in pairs]
    kept = (
        func.unnest(bindparam("customers", customers, type_=ARRAY(Text)), bindparam("members", members, type_=ARRAY(Text)))
        .table_valued("customer", "member")
        .render_derived(name="kept")
    )
    still = exists().where(kept.c.customer == Friendship.external_userid, kept.c.member == Friendship.userid)
    gone = update(Friendship).where(Friendship.userid.in_(userids), Friendship.until.is_(None), ~still).values(until=now)
    await tx.execute(gone.execution_options(synchronize_session=False))


async def friends_of(tx: AsyncSession, external_userids: Sequence[str]) -> dict[str, str]:
    """The member through whom each of these customers can be written to: the newest friend; customers without one are left out."""
    newest = (
        select(Friendship.external_userid, Friendship.userid)
        .where(Friendship.external_userid.in_(external_userids), Friendship.until.is_(None))
        .ext(distinct_on(Friendship.external_userid))
        .order_by(Friendship.external_userid, Friendship.since.desc(), func.lower(Friendship.userid))
    )
    return {customer: member for customer, member in await tx.execute(newest)}
