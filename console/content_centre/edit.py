"""Writing a content: the form, its blocks, what it looks like meanwhile, and keeping it as a draft."""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.content_centre.form import WITH_FILE, Form, changed, form_in, form_of, read_content, several, shown_anyway
from console.content_centre.phone import phone_of, unreviewed
from console.content_centre.reach import item_of, mark_of, say, words
from console.desk import BASE, DESK, SEAT
from console.form import number
from console.page import get, post, render, see_other, today
from plans.authored import AuthoringError, Problem
from plans.content.catalogue import newest_of, usable_media, versions_of
from plans.content.check import check_content
from plans.content.kept import content_of
from plans.content.lifecycle import Draft, find_item, save_draft
from plans.content.media import kind_wanted, misplaced
from plans.content.model import ArticleContent, MessageContent
from plans.content.words import ContentRefused, label_of, table
from plans.content.words import say as tell
from records.content import ContentItem, ContentVersion
from records.patient import AccessRefused
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.words import CohortError

WRITE = "content.write"
MEDIA = f"{BASE}/content/draft"


@dataclass(frozen=True)
class Written:
    """A form, read in its writer's `scope`. `content` is None while something is wrong; `shown` is what can be looked at in any case."""

    scope: Scope

    content: ArticleContent | MessageContent | None
    shown: ArticleContent | MessageContent | None
    wrong: tuple[str, ...]


async def new(request: web.Request) -> web.StreamResponse:
    """An empty form. Its code is made here, so that a form that is sent twice makes one content."""
    desk = request.app[DESK]
    day = today(desk)
    kind = "message" if request.query.get("kind") == "message" else "article"
    # Nobody has heard of this content yet: it is reviewed again in a year unless somebody says otherwise.
    form = Form(kind, f"{kind[0]}-{secrets.token_hex(4)}", review_by=day.replace(year=day.year + 1, day=min(day.day, 28)).isoformat())
    async with desk.db.transaction() as tx:
        written = await _read(tx, request, form, {}, await _scope(tx, request))
    return await _editor(request, form, None, written)


async def edit(request: web.Request) -> web.StreamResponse:
    """The form with the version that an editor goes on from."""
    async with request.app[DESK].db.transaction() as tx:
        item = await item_of(tx, request, needs=WRITE)
        version = newest_of(await versions_of(tx, item))
        if version is None:
            raise AccessRefused(f"content {item.code}")
        content, scope = content_of(version), await _scope(tx, request)
        form = form_of(content, mark=mark_of(version), team=str(item.team_id or ""), tag_names=map(scope.name_of, content.tags))
        written = await _read(tx, request, form, version.definition, scope)
    return await _editor(request, form, version, written)


async def blocks(request: web.Request) -> web.StreamResponse:
    """The blocks after one was added, moved or removed."""
    sent = await request.post()
    form = form_in(sent)
    form = replace(form, parts=changed(form.parts, str(sent.get("do", ""))))
    response = render(
        request, "console/content_centre/_blocks.html", form=form, with_file=WITH_FILE, block_names=table("blocks"), media=MEDIA
    )
    response.headers["HX-Trigger-After-Settle"] = "blocks-changed"
    return response


async def preview(request: web.Request) -> web.StreamResponse:
    """What is typed, as families would see it, with what is wrong and how hard it reads."""
    desk, form = request.app[DESK], form_in(await request.post())
    async with desk.db.transaction() as tx:
        base, _, _ = await _before(tx, request, form)
        written = await _read(tx, request, form, base, await _scope(tx, request))
    return render(request, "console/content_centre/_preview.html", **await _seen(request, form, written))


async def save(request: web.Request) -> web.StreamResponse:
    """Keep it as a draft; what cannot be kept stays in the form, with the reason."""
    desk, seat, form = request.app[DESK], request[SEAT], form_in(await request.post())
    async with desk.db.transaction() as tx:
        base, item, version = await _before(tx, request, form)
        written = await _read(tx, request, form, base, await _scope(tx, request))
    if written.content is None:
        return await _editor(request, form, version, written, written.wrong)
    draft = Draft(written.content, await asyncio.to_thread(check_content, written.content))
    team_id = item.team_id if item is not None else int(form.team) if form.team else None
    try:
        async with desk.db.transaction() as tx:
            if item is not None:
                await find_item(tx, seat.staff, form.code, lock=True)
                if form.mark != mark_of(newest_of(await versions_of(tx, item))):
                    raise ContentRefused("moved", code=form.code)
            await save_draft(tx, draft, team_id=team_id, by=seat.staff, now=desk.clock(), zone=desk.zone)
    except ContentRefused as err:
        # What was typed is still in the form: nobody need begin again.
        return await _editor(request, form, version, written, [say("editor.changed") if err.code == "moved" else str(err)])
    return see_other(request, f"/content/items/{form.code}", said="content_saved")


async def _before(tx: AsyncSession, request: web.Request, form: Form) -> tuple[dict[str, Any], ContentItem | None, ContentVersion | None]:
    """What the form goes on from. Raises AccessRefused and RightMissing for another team's."""
    seat = request[SEAT]
    if await tx.scalar(select(ContentItem.id).where(ContentItem.code == form.code)) is not None:
        item = await item_of(tx, request, form.code, needs=WRITE)
        version = newest_of(await versions_of(tx, item))
        return dict(version.definition) if version is not None else {}, item, version
    if form.team and number(form.team) not in seat.teams:
        raise AccessRefused(f"content of team {form.team[:20]}")
    seat.rights.check(WRITE, number(form.team))
    return {}, None, None


async def _scope(tx: AsyncSession, request: web.Request) -> Scope:
    desk = request.app[DESK]
    return await scope_of_staff(tx, request[SEAT].staff, now=desk.clock(), zone=desk.zone)


async def _read(tx: AsyncSession, request: web.Request, form: Form, base: dict[str, Any], scope: Scope) -> Written:
    codes, wrong = _tags(form.tags, scope, base.get("tags", ()))
    if form.when:
        try:
            scope.read(form.when)
        except CohortError as err:
            wrong.append(tell("wrong.when", error=err))
    definition = form.definition(base, codes)
    files = await _files(tx, request, form)
    problems: Sequence[Problem] = ()
    content: ArticleContent | MessageContent | None = None
    try:
        content = read_content(definition)
    except AuthoringError as err:
        problems = err.problems
        # Of a block without its file no more has to be said.
        wrong += [_sentence(each) for each in problems if not any(each.field.startswith(f"blocks[第{number}项]") for number in files)]
    wrong += files.values()
    if not wrong:
        return Written(scope, content, content, ())
    unfinished = [*problems, *(Problem("", None, f"blocks[第{number}项]", "") for number in files)]
    blank = words("blank") | {"review_by": today(request.app[DESK]).isoformat()}
    return Written(scope, None, await asyncio.to_thread(shown_anyway, definition, unfinished, blank), tuple(dict.fromkeys(wrong)))


def _tags(text: str, scope: Scope, kept: Collection[str]) -> tuple[list[str], list[str]]:
    """The codes of the tags that were typed, and what is wrong. A shipped tag that this hospital has not stays where it was."""
    codes, wrong = list[str](), list[str]()
    for name in several(text):
        if name in kept:
            codes.append(name)
            continue
        try:
            codes.append(scope.tag(name).code)
        except CohortError as err:
            wrong.append(str(err))
    return codes, wrong


async def _files(tx: AsyncSession, request: web.Request, form: Form) -> dict[int, str]:
    """What is wrong with the files of its blocks, by the number of the block."""
    if form.kind != "article":
        return {}
    parts = {order: part for order, part in enumerate(form.parts, 1) if part.kind in WITH_FILE}
    usable = await usable_media(tx, request[SEAT].staff, {part.sha256 for part in parts.values()})
    wrong = dict[int, str]()
    for order, part in parts.items():
        place, kept = label_of(f"blocks[{order}].{part.kind}"), usable.get(part.sha256)
        if kept is None:
            wrong[order] = say("editor.no_file", place=place, kind=table("media_kinds")[kind_wanted(part.kind)])
        elif said := misplaced(part.kind, part.file, kept.kind):
            wrong[order] = f"{place}：{said}"
    return wrong


def _sentence(problem: Problem) -> str:
    name = problem.field.rpartition(".")[2]
    what = words("shapes").get(name) if "格式不对" in problem.what else None
    told = what or "。".join(each for each in (problem.what, problem.fix.rstrip("。")) if each)
    return f"{label_of(problem.field)}：{told}" if problem.field else told


async def _seen(request: web.Request, form: Form, written: Written) -> dict[str, Any]:
    """What the preview's template wants."""
    phone = checked = None
    if written.shown is not None:
        phone = phone_of(written.shown, unreviewed(written.shown.source), base=MEDIA, hospital=request.app[DESK].hospital)
        checked = await asyncio.to_thread(check_content, written.shown)
    return {
        "phone": phone,
        "checked": checked,
        "blank": not any((form.title, form.body, form.text, form.source, form.parts)),
        "wrong": written.wrong,
        "media": MEDIA,
        "words": words,
    }


async def _editor(
    request: web.Request, form: Form, version: ContentVersion | None, written: Written, refused: Sequence[str] = ()
) -> web.Response:
    seat, tags = request[SEAT], written.scope.tags.values()
    teams = {str(id): name for id, name in seat.teams.items() if seat.rights.has(WRITE, id)}
    return render(
        request, "console/content_centre/edit.html", status=422 if refused else 200, form=form, version=version, refused=refused,
        teams=teams, tag_names=sorted(entry.name for entry in tags), block_names=table("blocks"), with_file=WITH_FILE,
        placeholders=table("placeholders"), **await _seen(request, form, written),
    )  # fmt: skip


ROUTES = (
    get("/content/new", new, WRITE),
    get(r"/content/items/{code}/edit", edit, WRITE),
    post("/content/draft/blocks", blocks, WRITE),
    post("/content/draft/preview", preview, WRITE),
    post("/content/draft", save, WRITE),
)
