"""Signed links: a short token that names an invitation, which nobody can make or change without the hospital's key.

A token (plans/sealed.py) is 32 characters of WeCom's `scene_param`. Nothing about the child stands in it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.sealed import seal, unseal
from records.binding import Invitation
from records.encounter import Encounter
from records.patient import Patient
from records.setting import Setting
from records.state import StateChange

KEY = "invitation_key"
# The sheet is taken home and looked at once the family has slept; a carer is asked while one talks about it.
LASTS = {"visit": timedelta(days=14), "carer": timedelta(days=3)}

_PURPOSE = "invitation"

Because = Literal["forged", "expired", "used"]


@dataclass(frozen=True)
class Opened:
    """What a token came to: an invitation that can be used, or why there is none."""

    invitation: Invitation | None
    because: Because | None = None


async def invite(
    tx: AsyncSession, patient: Patient, *, kind: Literal["visit", "carer"], by: str, now: datetime, lasts: timedelta | None = None
) -> str:
    """Make an invitation to be bound to `patient`; its token. It names the patient's latest stay."""
    stay = select(Encounter.id).where(Encounter.patient_id == patient.id).order_by(Encounter.started_at.desc()).limit(1)
    invitation = Invitation(
        patient_id=patient.id,
        encounter_id=await tx.scalar(stay),
        kind=kind,
        invited_by=by,
        created_at=now,
        expires_at=now + (lasts or LASTS[kind]),
    )
    tx.add(invitation)
    await tx.flush()
    tx.add(StateChange(entity="invitation", entity_id=invitation.id, old=None, new="made", at=now, by=by))
    return sign(await signing_key(tx), invitation.id, invitation.expires_at)


async def standing_token(tx: AsyncSession, patient: Patient, *, by: str, now: datetime) -> str:
    """The token of the visit's invitation that `by` made before and that is still good, else of a new one."""
    good = select(Invitation).where(
        Invitation.patient_id == patient.id, Invitation.invited_by == by, Invitation.used_at.is_(None), Invitation.expires_at > now
    )
    invitation = await tx.scalar(good.order_by(Invitation.id.desc()).limit(1))
    if invitation is None:
        return await invite(tx, patient, kind="visit", by=by, now=now)
    return sign(await signing_key(tx), invitation.id, invitation.expires_at)


async def open_token(tx: AsyncSession, token: str, now: datetime) -> Opened:
    """The invitation that `token` names, locked. A token that was not made here is forged, whatever else is wrong with it."""
    read = verify(await signing_key(tx), token)
    if read is None:
        return Opened(None, "forged")
    number, expires_at = read
    invitation = await tx.get(Invitation, number, with_for_update=True, populate_existing=True)
    if invitation is None:
        return Opened(None, "forged")
    if invitation.used_at is not None:
        return Opened(invitation, "used")
    # Either may have been shortened: the token's own end cannot be, the row's can.
    return Opened(invitation, "expired" if now >= min(expires_at, invitation.expires_at) else None)


def use(tx: AsyncSession, invitation: Invitation, *, by: str, now: datetime) -> None:
    """The invitation has led to a binding and is used up."""
    invitation.used_at, invitation.used_by = now, by
    tx.add(StateChange(entity="invitation", entity_id=invitation.id, old="made", new="used", at=now, by="family"))


async def signing_key(tx: AsyncSession) -> bytes:
    """The installation's key, made the first time it is asked for and shared by all its processes."""
    made = {"key": secrets.token_hex(32)}
    known = await tx.scalar(select(Setting.value).where(Setting.name == KEY))
    if known is None:
        await tx.execute(insert(Setting).values(name=KEY, value=made).on_conflict_do_nothing(index_elements=["name"]))
        known = await tx.scalar(select(Setting.value).where(Setting.name == KEY))
    return bytes.fromhex((known or made)["key"])


def sign(key: bytes, number: int, expires_at: datetime) -> str:
    """The token for invitation `number`."""
    return seal(key, _PURPOSE, number, expires_at)


def verify(key: bytes, token: str) -> tuple[int, datetime] | None:
    """Number and end of the invitation that `token` was signed for; None when it was not signed with `key`."""
    return unseal(key, _PURPOSE, token)
