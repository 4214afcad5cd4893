"""A patient's tags: why he carries them, what was before, and a clinician's word about one."""

from collections.abc import Collection
from typing import cast, get_args

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import words
from console.page import see_other
from console.patients.head import Head, open_patient, patient_page
from console.patients.head import mistake as mistake_of
from records.staff import names_of
from records.tag import Tag
from tagging.tags import by_hand
from tagging.tags.catalogue import tags as library
from tagging.tags.errors import TagError

# Computed from what the family does, never said by anybody.
COMPUTED = "operational"


async def show(request: web.Request, mistake: str | None = None) -> web.StreamResponse:
    """The tags with their reasons; `history` in the address: those that ended, too."""
    desk, seat, history = request.app[DESK], request[SEAT], request.query.get("history") == "1"
    async with desk.db.transaction() as tx:
        head = await open_patient(tx, request)
        shown = await by_hand.tags_of(tx, head.patient.id, teams=seat.teams, history=history)
        names = await names_of(tx, {each.row.decided_by for each in shown})
        choice = await choice_of(tx, request, head, {each.code for each in shown if each.row.until is None and each.row.state != "refused"})
    status = 422 if mistake else 200
    return patient_page(request, head, "tags", status=status, shown=shown, history=history, choice=choice, mistake=mistake, names=names)


async def say(request: web.Request) -> web.StreamResponse:
    """The patient carries the tag, does not, or does no longer, and why."""
    try:
        said = await decide(request)
    except NotDecided as err:
        return await show(request, err.sentence)
    return see_other(request, f"/patients/{request.match_info['id']}/tags", said=said)


class NotDecided(Exception):
    """The word about a tag was not kept; `sentence` says why."""

    code, permanent = "not_decided", True

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


async def decide(request: web.Request) -> str:
    """Keep the word of the form about a tag of the patient in the address; the code of what to say of it. Raises NotDecided."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    code, word, why = (words(form, name) for name in ("code", "word", "why"))
    try:
        async with desk.db.transaction() as tx:
            head = await open_patient(tx, request)
            seat.rights.check("care.act", head.patient.team_id)
            if word not in get_args(by_hand.Word) or not why:
                raise NotDecided(mistake_of("why"))
            await by_hand.say(tx, seat.staff, head.patient.id, code, cast(by_hand.Word, word), why=why, now=desk.clock())
    except TagError as err:
        raise NotDecided(mistake_of(f"tag_{err.code}", "tag_refused")) from err
    return f"tag_{word}"


async def choice_of(tx: AsyncSession, request: web.Request, head: Head, carried: Collection[str]) -> dict[str, list[Tag]]:
    """What may be given by hand, by kind: of the hospital or of a team of the reader's, and not carried yet."""
    seat = request[SEAT]
    known = (await library(tx, request.app[DESK].clock())).values() if head.acts else ()
    mine = [tag for tag in known if tag.kind != COMPUTED and tag.code not in carried and (tag.team_id is None or tag.team_id in seat.teams)]
    return {kind: [tag for tag in mine if tag.kind == kind] for kind in dict.fromkeys(tag.kind for tag in mine)}
