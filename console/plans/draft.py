"""Writing a template: YAML and its steps side by side, checked as one writes, kept as a draft for somebody else to approve."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.page import TEMPLATES, get, post, render, see_other, today
from console.plans.calendar import SPANS, weeks
from console.plans.common import say, template_of, words
from console.plans.steps import NAMES, StepRow, changed, patched, rows_of, snippets, written
from console.plans.told import asks, days_text, hours_text, kind_text
from plans.authored import MAX_BYTES, AuthoringError, open_authored
from plans.dry_run_people import synthetic_anchors
from plans.publishing import DefinitionRefused, keep_draft, read_definition, references
from plans.template import PlanTemplate, anchor_kinds
from plans.template.written import body_of, to_yaml
from records.plan_definition import PlanDefinition

RIGHT = "plan.write"


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong: where (None: nowhere in particular), and a sentence."""

    line: int | None
    column: int | None
    text: str


@dataclass(frozen=True)
class Draft:
    """What stands in the editor: the text, its steps as rows, and what it comes to or what is wrong with it."""

    text: str
    rows: list[StepRow]
    template: PlanTemplate | None = None
    mistakes: tuple[Mistake, ...] = ()
    missing: tuple[str, ...] = ()


async def read_draft(tx: AsyncSession, request: web.Request, text: str) -> Draft:
    """A text, read and held against what this hospital has."""
    desk, rows = request.app[DESK], list[StepRow]()
    try:
        authored = await asyncio.to_thread(open_authored, text, name=say("draft.file"))
        rows = rows_of(authored.value)
        template = await asyncio.to_thread(read_definition, authored)
    except AuthoringError as err:
        return Draft(text, rows, mistakes=_mistakes(err))
    return Draft(text, rows, template, (), tuple(await references(tx, template, now=desk.clock(), zone=desk.zone)))


def _mistakes(err: AuthoringError) -> tuple[Mistake, ...]:
    found = []
    for each in err.problems[:20]:
        field = f"“{each.field}”：" if each.field else ""
        line, column = (each.mark.line, each.mark.column) if each.mark else (None, None)
        found.append(Mistake(line, column, f"{field}{each.what}。{each.fix}"))
    return tuple(found)


async def new(request: web.Request) -> web.StreamResponse:
    """The editor: a new template, the next version of one, or a draft that is there."""
    id = request.query.get("from", "")
    async with request.app[DESK].db.transaction() as tx:
        text, seen = (TEMPLATES / "console" / "plans" / "blank.yml").read_text("utf-8"), ""
        if id:
            template, shelf = await template_of(tx, id, request.query.get("version"))
            if shelf.versions[template.version].state == "draft":
                text, seen = to_yaml(template), await _seen(tx, id, template.version)
            else:
                text = written(body_of(template) | {"version": shelf.next})
        return _page(request, await read_draft(tx, request, text), seen)


def _page(request: web.Request, draft: Draft, seen: str, wrong: str | None = None) -> web.Response:
    shown = _shown(request, draft, by="both")
    return render(request, "console/plans/draft.html", status=422 if wrong else 200, seen=seen, wrong=wrong, **shown)


def _shown(request: web.Request, draft: Draft, by: str) -> dict[str, Any]:
    template, desk = draft.template, request.app[DESK]
    day = today(desk)
    return {
        "draft": draft,
        "by": by,
        "plan": template,
        "weeks": weeks(template, synthetic_anchors(template, day), day, SPANS[1], desk.zone) if template is not None else [],
        "kinds": words("kinds"),
        "modes": words("schedule_modes"),
        "anchors": {name: kind.title for name, kind in anchor_kinds().items()},
        "addable": list(snippets()),
        "days_text": days_text,
        "hours_text": hours_text,
        "kind_text": kind_text,
        "asks": asks,
    }


async def check(request: web.Request) -> web.StreamResponse:
    """What was changed in the editor: rows change the text or the text the rows; what is wrong stands beside its line."""
    form = await request.post()
    text, by = str(form.get("yaml", ""))[:MAX_BYTES], str(form.get("by", "text"))
    if by == "rows":
        text = await asyncio.to_thread(_by_rows, text, form)
    async with request.app[DESK].db.transaction() as tx:
        draft = await read_draft(tx, request, text)
    # A click moves the rows themselves.
    return render(request, "console/plans/_check.html", **_shown(request, draft, by="both" if form.get("do") else by))


def _by_rows(text: str, form: MultiDictProxy[Any]) -> str:
    try:
        body = open_authored(text).value
    except AuthoringError:
        return text
    columns = [[str(value) for value in form.getall(name, [])] for name in NAMES]
    if not isinstance(body, dict) or len({len(column) for column in columns}) != 1:
        return text
    made = patched(body, [StepRow(*values) for values in zip(*columns, strict=True)])
    return written(changed(made, str(form.get("do", ""))))


async def save(request: web.Request) -> web.StreamResponse:
    """Keep it as a draft. What cannot be kept stays in the editor with the reason."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    text, seen = str(form.get("yaml", ""))[:MAX_BYTES], str(form.get("seen", ""))
    async with desk.db.transaction() as tx:
        draft = await read_draft(tx, request, text)
        template, wrong = draft.template, None
        if template is None:
            return _page(request, draft, seen, say("draft.mistakes"))
        if await _seen(tx, template.id, template.version) not in ("", seen):
            wrong = say("draft.newer")
        else:
            try:
                await keep_draft(tx, template, by=seat.staff.userid, now=desk.clock())
            except DefinitionRefused as err:
                wrong = str(err)
        if wrong:
            return _page(request, draft, seen, wrong)
    return see_other(request, f"/plans/{template.id}", said="draft_kept", version=str(template.version))


async def _seen(tx: AsyncSession, id: str, version: int) -> str:
    """Which writing of a draft it is; empty where there is no draft."""
    chosen = select(PlanDefinition.created_at).where(
        PlanDefinition.template == id, PlanDefinition.version == version, PlanDefinition.state == "draft"
    )
    at = await tx.scalar(chosen)
    return at.isoformat() if at is not None else ""


async def import_file(request: web.Request) -> web.StreamResponse:
    """A YAML or FHIR file into the editor; it is kept when it is saved there."""
    form: Mapping[str, Any] = await request.post()
    upload = form.get("file")
    wrong, text = None, ""
    if not isinstance(upload, web.FileField):
        wrong = say("draft.not_text")
    else:
        try:
            text = upload.file.read(MAX_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError:
            wrong = say("draft.not_text")
    if not wrong and '"resourceType"' in text:
        try:
            text = to_yaml(await asyncio.to_thread(read_definition, text, name=upload.filename[:60]))  # type: ignore[union-attr]
        except AuthoringError as err:
            wrong = str(err)
    async with request.app[DESK].db.transaction() as tx:
        return _page(request, await read_draft(tx, request, text), "", wrong)


ROUTES = (
    get("/plan-drafts/new", new, RIGHT),
    post("/plan-drafts/check", check, RIGHT),
    post("/plan-drafts", save, RIGHT),
    post("/plan-drafts/import", import_file, RIGHT),
)
