"""Signed links to a carer's own pages: short-lived, taken by the first device that opens them, and nothing about the child in them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from plans.invitation import signing_key
from plans.sealed import seal, unseal
from records.family_link import FamilyLink
from records.patient import Carer

# As long as somebody who asked for it takes to look at the phone again (R).
LASTS = timedelta(minutes=30)
PATH = "/h5/enter"
_PURPOSE = "family"

Because = Literal["forged", "expired", "used"]


@dataclass(frozen=True)
class Found:
    """What a token came to: the link, and why it cannot be taken (any more)."""

    link: FamilyLink | None
    because: Because | None = None


async def make_link(tx: AsyncSession, carer: Carer, way: Literal["chat", "mini_program"], now: datetime) -> str:
    """The token of a new link for `carer`."""
    link = FamilyLink(carer_id=carer.id, way=way, made_at=now, expires_at=now + LASTS, opened_at=None)
    tx.add(link)
    await tx.flush()
    return seal(await signing_key(tx), _PURPOSE, link.id, link.expires_at)


async def find_link(tx: AsyncSession, token: str, now: datetime) -> Found:
    """The link that `token` names, locked. A token that was not made here is forged, whatever else is wrong with it."""
    read = unseal(await signing_key(tx), _PURPOSE, token)
    link = await tx.get(FamilyLink, read[0], with_for_update=True, populate_existing=True) if read is not None else None
    if read is None or link is None:
        return Found(None, "forged")
    if link.opened_at is not None:
        return Found(link, "used")
    return Found(link, "expired" if now >= min(read[1], link.expires_at) else None)
