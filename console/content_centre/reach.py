"""What the pages of the content centre share: the door to an item, who may do what with it, and their words."""

import hashlib
import json
import re

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import SEAT, Seat
from console.words import area_sentences
from plans.content.lifecycle import find_item
from plans.content.words import ContentRefused
from records.content import ContentItem, ContentVersion
from records.patient import AccessRefused
from records.role import RightMissing

READERS = ("content.write", "content.approve", "care.read")
say, words = area_sentences("content_centre").say, area_sentences("content_centre").group


def check_reader(seat: Seat) -> None:
    """Who gives contents to families may read them too. Raises RightMissing."""
    if not any(seat.rights.has(right) for right in READERS):
        raise RightMissing(READERS[0])


async def item_of(tx: AsyncSession, request: web.Request, code: str | None = None, *, needs: str | None = None) -> ContentItem:
    """The item of the address, if it is the whole hospital's or one of his teams'. Raises AccessRefused, RightMissing."""
    seat, wanted = request[SEAT], code or request.match_info["code"]
    try:
        item = await find_item(tx, seat.staff, wanted)
    except ContentRefused as err:
        raise AccessRefused(f"content {wanted}") from err
    if needs is None:
        check_reader(seat)
    else:
        seat.rights.check(needs, item.team_id)
    return item


def mark_of(version: ContentVersion | None) -> str:
    """What tells whether somebody changed a content while another was writing."""
    if version is None:
        return ""
    whole = json.dumps([version.version, version.definition], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


def reason_of(reason: str) -> str:
    """The reason kept with a step: a person's words as they are, the program's in Chinese."""
    if found := re.fullmatch(r"replaced by version (\d+)|version (\d+) as it is", reason):
        return say("steps.replaced", number=found[1]) if found[1] else say("steps.as_it_is", number=found[2])
    return str(words("reasons").get(reason, reason))
