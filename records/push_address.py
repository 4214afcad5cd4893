"""Where a carer can be reached outside the chat, and what he has agreed to there."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from records.base import Base, Identity
from records.patient import Carer, PatientCarer
from records.sealed import Sealed, blind_of, follow_blinds
from records.state import StateChange

Consent = Literal["follower", "one_time", "long_term", "phone", "visitor", "chat"]
# The row that tells a carer's unionid; nothing is pushed to it.
KF = "kf"


class PushAddress(Identity, Base):
    """One address of a carer on one channel, with one consent.

    `channel` is official_account, mini_program, sms or kf. `address` is an openid, a mobile number or an external_userid. `consent`:
    follower (until he unfollows), one_time (`remaining` messages) and long_term for the platform's template id `template`, phone;
    visitor (of the mini program) and chat (of WeCom) only tell whose the account is.
    `carer_id` is None for a follower whom nobody knows yet: the `unionid` finds him; `asked_at` is when the platform was last asked for
    it. Reachable from `since` to `until`. `opted_out_at`: he told us, or the operator, to send no more here, which following again does
    not undo.
    """

    __tablename__ = "push_address"

    carer_id: Mapped[int | None] = mapped_column(ForeignKey("carer.id"), index=True)
    channel: Mapped[str]
    address: Mapped[str] = mapped_column(Sealed("push_address.address", "address_blind"))
    address_blind: Mapped[str | None] = blind_of("address", lambda row: row["address"], "address")
    template: Mapped[str] = mapped_column(default="")
    consent: Mapped[str]
    remaining: Mapped[int | None]
    unionid: Mapped[str | None] = mapped_column(index=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    opted_out_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_push_address_account_blind", "channel", "address_blind", "template", unique=True,
            postgresql_where=text("channel <> 'sms' and address_blind is not null"),
        ),
        # Grandmother and mother may have given the same number.
        Index(
            "uq_push_address_phone_blind", "address_blind", "carer_id", unique=True,
            postgresql_where=text("channel = 'sms' and address_blind is not null"),
        ),
        # Older versions insert by these; they go once none of them can be beside us.
        Index("uq_push_address_account", "channel", "address", "template", unique=True, postgresql_where=text("channel <> 'sms'")),
        Index("uq_push_address_phone", "address", "carer_id", unique=True, postgresql_where=text("channel = 'sms'")),
        # Of rows that nobody has sealed yet.
        Index("ix_push_address_plain", "channel", "address", postgresql_where=text("address_blind is null")),
    )  # fmt: skip

    def opens(self, template: str | None, now: datetime) -> bool:
        """Whether a push may go here now. `template` is the platform's template id that needs an agreement of its own, if it does."""
        if self.until is not None or self.opted_out_at is not None or now < self.since:
            return False
        if template is None:
            return self.consent in ("follower", "phone")
        return self.template == template and (self.consent == "long_term" or (self.remaining or 0) > 0)


follow_blinds(PushAddress)
_ADD = insert(PushAddress.metadata.tables[PushAddress.__tablename__])


async def agree(
    tx: AsyncSession, channel: str, address: str, *, consent: Consent, now: datetime, template: str = "", count: int = 1
) -> PushAddress:
    """An account follows, or agreed to `template`; `count` more messages where `consent` is one_time.

    The row knows its carer and unionid at once if another row of the same account does.
    """
    made = insert(PushAddress).values(channel=channel, address=address, template=template, consent=consent, since=now, until=now)
    await tx.execute(made.on_conflict_do_nothing())
    row = await _locked(tx, channel, address, template)
    known = await tx.scalar(
        select(PushAddress).where(PushAddress.channel == channel, PushAddress.address == address, PushAddress.unionid.is_not(None)).limit(1)
    )
    if known is not None and row.unionid is None:
        row.unionid, row.carer_id = known.unionid, row.carer_id or known.carer_id
    if row.until is not None:
        # What was left before a refusal does not come back.
        row.since, row.until, row.remaining = now, None, None
        _note(tx, row, "agreed", now)
    row.consent = consent
    row.remaining = (row.remaining or 0) + count if consent == "one_time" else None
    return row


async def end(tx: AsyncSession, channel: str, address: str, *, now: datetime, template: str = "", reason: str) -> None:
    """An account unfollowed, or refused `template`. An account that we did not know is kept as one that ended."""
    made = insert(PushAddress).values(
        channel=channel, address=address, template=template, consent="one_time" if template else "follower", since=now, until=now
    )
    await tx.execute(made.on_conflict_do_nothing())
    row = await _locked(tx, channel, address, template)
    if row.until is None:
        row.until = now
        row.remaining = 0 if row.consent == "one_time" else None
        _note(tx, row, "ended", now, reason)


async def spend(tx: AsyncSession, row_id: int) -> bool:
    """Use one message of an agreement; False when a one-time agreement is used up. Others are never used up."""
    row = await tx.get(PushAddress, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        return False
    if row.consent == "one_time":
        if not row.remaining:
            return False
        row.remaining -= 1
    return True


async def used_up(tx: AsyncSession, channel: str, address: str, template: str) -> None:
    """The platform says that nothing is left of a one-time agreement, whatever we counted."""
    await tx.execute(
        update(PushAddress)
        .where(
            PushAddress.channel == channel,
            PushAddress.address == address,
            PushAddress.template == template,
            PushAddress.consent == "one_time",
        )
        .values(remaining=0)
    )


async def know_unionid(tx: AsyncSession, channel: str, address: str, unionid: str | None, now: datetime) -> None:
    """Write down whose account this is, as the platform says (None: it does not), and that it was asked."""
    values = {"asked_at": now} if unionid is None else {"asked_at": now, "unionid": unionid}
    await tx.execute(update(PushAddress).where(PushAddress.channel == channel, PushAddress.address == address).values(**values))


async def know_carer(tx: AsyncSession, carer: Carer, unionid: str | None, now: datetime) -> None:
    """Write down what the platform says about the account of `carer` in the chat."""
    made = insert(PushAddress).values(channel=KF, address=carer.external_userid, template="", consent="chat", since=now, carer_id=carer.id)
    await tx.execute(made.on_conflict_do_nothing())
    await know_unionid(tx, KF, carer.external_userid or "", unionid, now)


async def know_visitor(tx: AsyncSession, channel: str, address: str, now: datetime) -> None:
    """An account opened our page: its row is made if there is none, so that the platform is asked whose it is. It agrees to nothing."""
    made = insert(PushAddress).values(channel=channel, address=address, template="", consent="visitor", since=now, until=None)
    await tx.execute(made.on_conflict_do_nothing())


async def carer_at(tx: AsyncSession, channel: str, address: str) -> int | None:
    """The carer whose account this is, as the unionid told; None while nobody knows."""
    known = select(PushAddress.carer_id).where(
        PushAddress.channel == channel, PushAddress.address == address, PushAddress.carer_id.is_not(None)
    )
    carer_id: int | None = await tx.scalar(known.limit(1))
    return carer_id


async def match_carers(tx: AsyncSession) -> int:
    """Give followers who have a carer's unionid to that carer; how many rows found one."""
    chat = aliased(PushAddress)
    found = await tx.execute(
        update(PushAddress)
        .where(
            PushAddress.carer_id.is_(None),
            PushAddress.unionid == chat.unionid,
            chat.channel == KF,
            chat.carer_id.is_not(None),
        )
        .values(carer_id=chat.carer_id)
        .execution_options(synchronize_session=False)
    )
    return int(found.rowcount)  # type: ignore[attr-defined]


async def meet_visitor(tx: AsyncSession, openid: str, unionid: str | None, now: datetime) -> int | None:
    """Somebody opened the mini program, and its login told who: the carer whose account it is; None while nobody knows."""
    channel = "mini_program"
    await agree(tx, channel, openid, consent="visitor", now=now)
    await know_unionid(tx, channel, openid, unionid, now)
    await match_carers(tx)
    return await carer_at(tx, channel, openid)


async def keep_phones(tx: AsyncSession, now: datetime) -> None:
    """Make the carers' mobile numbers their SMS addresses; a number that a carer no longer has is one no longer."""
    # Both sides are told apart by their blind indexes, which are made alike; whoever has none yet waits for it.
    there = exists().where(
        PushAddress.channel == "sms",
        PushAddress.carer_id == Carer.id,
        or_(PushAddress.address_blind == Carer.phone_blind, PushAddress.address_blind.is_(None)),
    )
    new = (await tx.execute(select(Carer.id, Carer.phone).where(Carer.phone_blind.is_not(None), Carer.phone_blind != "", ~there))).all()
    if new:
        given = {"channel": "sms", "template": "", "consent": "phone", "since": now}
        await tx.execute(_ADD.on_conflict_do_nothing(), [{"carer_id": id, "address": phone, **given} for id, phone in new])
    theirs = (PushAddress.channel == "sms", PushAddress.carer_id == Carer.id, PushAddress.address_blind.is_not(None))
    await tx.execute(
        update(PushAddress)
        .where(*theirs, PushAddress.until.is_(None), or_(Carer.phone.is_(None), Carer.phone_blind != PushAddress.address_blind))
        .values(until=now)
        .execution_options(synchronize_session=False)
    )
    await tx.execute(
        update(PushAddress)
        .where(*theirs, PushAddress.until.is_not(None), Carer.phone_blind == PushAddress.address_blind)
        .values(until=None, since=now)
        .execution_options(synchronize_session=False)
    )


async def opt_out(tx: AsyncSession, *, channel: str, whose: str | int, now: datetime, reason: str) -> int:
    """No more pushes on `channel` to this address, or to any address of this carer (his id); how many rows that ended."""
    theirs = PushAddress.address == whose if isinstance(whose, str) else PushAddress.carer_id == whose
    rows = await tx.scalars(
        select(PushAddress).where(PushAddress.channel == channel, theirs, PushAddress.opted_out_at.is_(None)).with_for_update()
    )
    ended = list(rows)
    for row in ended:
        row.opted_out_at = now
        _note(tx, row, "opted_out", now, reason)
    return len(ended)


async def opt_in(tx: AsyncSession, *, channel: str, carer_id: int, now: datetime, reason: str) -> int:
    """This carer wants pushes on `channel` after all; how many rows that opened."""
    rows = await tx.scalars(
        select(PushAddress)
        .where(PushAddress.channel == channel, PushAddress.carer_id == carer_id, PushAddress.opted_out_at.is_not(None))
        .with_for_update()
    )
    opened = list(rows)
    for row in opened:
        row.opted_out_at = None
        _note(tx, row, "opted_in", now, reason)
    return len(opened)


async def addresses(tx: AsyncSession, carer_ids: Sequence[int], now: datetime) -> dict[int, list[PushAddress]]:
    """The addresses to which a push may go now, by carer; `PushAddress.opens` then says for which template.

    A carer who has stopped or paused messages, or who speaks for nobody any more, has none.
    """
    found: dict[int, list[PushAddress]] = defaultdict(list)
    rows = await tx.scalars(
        select(PushAddress)
        .join(Carer, Carer.id == PushAddress.carer_id)
        .where(PushAddress.carer_id.in_(carer_ids), PushAddress.channel != KF)
        .where(PushAddress.until.is_(None), PushAddress.opted_out_at.is_(None), PushAddress.remaining.is_distinct_from(0))
        .where(Carer.stopped_at.is_(None), or_(Carer.paused_until.is_(None), Carer.paused_until <= now))
        .where(exists().where(PatientCarer.carer_id == Carer.id))
        .order_by(PushAddress.carer_id, PushAddress.since.desc(), PushAddress.id)
    )
    for row in rows:
        found[row.carer_id or 0].append(row)
    return found


async def _locked(tx: AsyncSession, channel: str, address: str, template: str) -> PushAddress:
    found = await tx.scalars(
        select(PushAddress)
        .where(PushAddress.channel == channel, PushAddress.address == address, PushAddress.template == template)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.one()


def _note(tx: AsyncSession, row: PushAddress, new: str, now: datetime, reason: str | None = None) -> None:
    tx.add(StateChange(entity="push_address", entity_id=row.id, old=None, new=new, at=now, by="family", reason=reason))
