"""What the plans' pages share: which template is meant, whose patients count, and a look at what would be, which leaves nothing behind."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.cohorts.reach import number
from console.desk import DESK, SEAT
from console.form import day
from console.page import render
from console.words import area_sentences
from plans.publishing import Listed, draft_or_version, listed
from plans.schedule import Anchors
from plans.template import PlanTemplate, anchor_kinds, anchor_title
from records.database import Database
from records.patient import note_reads

T = TypeVar("T")
say, words = area_sentences("plans").say, area_sentences("plans").group
ID = "{id:[a-z][a-z0-9_]*}"
# A version whose state has nobody enrolled any more, or not yet.
OUT = ("shipped", "active")


@dataclass(frozen=True)
class Shelf:
    """All versions of one template, by number."""

    versions: dict[int, Listed]

    @property
    def newest(self) -> int | None:
        """The version on which people are enrolled now."""
        return max((number for number, each in self.versions.items() if each.state in OUT), default=None)

    @property
    def drafts(self) -> list[Listed]:
        """What waits for approval."""
        return [each for each in self.versions.values() if each.state == "draft"]

    @property
    def shown(self) -> int:
        """What is shown where no version is asked for."""
        return self.newest or max(self.versions)

    @property
    def next(self) -> int:
        """The number of the version that is written next."""
        return max(self.versions) + 1


async def shelves(tx: AsyncSession) -> dict[str, Shelf]:
    """All templates by id."""
    found: dict[str, dict[int, Listed]] = {}
    for each in await listed(tx):
        found.setdefault(each.id, {})[each.version] = each
    return {id: Shelf(versions) for id, versions in found.items()}


async def template_of(tx: AsyncSession, id: str, asked: str | None) -> tuple[PlanTemplate, Shelf]:
    """A template in the version `asked`, else in the one that is shown. Raises HTTPNotFound."""
    shelf = Shelf({each.version: each for each in await listed(tx, id)})
    if not shelf.versions:
        raise web.HTTPNotFound
    chosen = number(asked) if asked else shelf.shown
    template = await draft_or_version(tx, id, chosen) if chosen in shelf.versions else None
    if template is None:
        raise web.HTTPNotFound
    return template, shelf


async def template_asked(tx: AsyncSession, request: web.Request, version: str | None = None) -> tuple[PlanTemplate, Shelf]:
    """The template of the address, in the version asked for (`version`, else of the query). Raises HTTPNotFound."""
    return await template_of(tx, request.match_info["id"], version if version is not None else request.query.get("version"))


def page(request: web.Request, name: str, template: PlanTemplate, shelf: Shelf, **context: Any) -> web.Response:
    """A page about one version of a template, which its tabs need to know."""
    return render(request, name, plan=template, shelf=shelf, here=shelf.versions[template.version], **context)


def teams_with(request: web.Request, right: str) -> list[int]:
    """The asker's teams in which he has `right`."""
    seat = request[SEAT]
    return seat.rights.teams_with(right, seat.teams)


class _Undone(Exception):
    """Takes back what was only looked at."""


async def without_trace(db: Database, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """What `work` finds; whatever it wrote is taken back."""
    found: list[T] = []
    try:
        async with db.transaction() as tx:
            found.append(await work(tx))
            raise _Undone
    except _Undone:
        return found[0]


async def note_shown(request: web.Request, patients: Collection[int]) -> None:
    """Write down that the asker reads of these patients, apart from what was only looked at."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        await note_reads(tx, request[SEAT].staff, patients, why="plan", now=desk.clock())


def asked_anchors(template: PlanTemplate) -> dict[str, str]:
    """The dates that no record knows, by name with their titles: somebody has to say them."""
    kinds = anchor_kinds()
    return {name: anchor_title(name) for name in (*template.anchors, *template.later) if kinds[name].source is None}


def anchors_given(template: PlanTemplate, form: Mapping[str, Any]) -> Anchors:
    """The dates of a form, `anchor-surgery` and so on; several are apart by commas. Raises ValueError for what is no date."""
    given: dict[str, date | list[date]] = {}
    for name in (*template.anchors, *template.later):
        said = str(form.get(f"anchor-{name}", "")).replace("，", ",").replace("、", ",")
        days = [day(each.strip()) for each in said.split(",") if each.strip()]
        if days:
            given[name] = days if anchor_kinds()[name].several else days[0]
    return given
