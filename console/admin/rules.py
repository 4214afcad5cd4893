"""The rules that adapt care: those in force, a hospital's own as drafts, tried on the days past, put in force by somebody else."""

import asyncio
from datetime import timedelta

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.rule_trial import standing, trial
from console.desk import DESK, SEAT
from console.form import number
from console.page import get, post, render, see_other
from console.words import area_words
from plans.adaptation.loops import LoopError
from plans.adaptation.own import activate, retire, save_draft
from plans.adaptation.ready import RuleError
from plans.adaptation.rule import read_rules
from plans.adaptation.try_out import run_examples
from plans.authored import AuthoringError
from records.adaptation import AdaptationRule
from records.patient import AccessRefused

WRITE, APPROVE = "rule.write", "rule.approve"
LONGEST = 60_000
# Of a trial: more days than these take minutes on a large hospital.
MOST_DAYS = 90


async def show(request: web.Request) -> web.StreamResponse:
    """What is in force, and what waits for approval."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        rules = await standing(tx, now=desk.clock(), zone=desk.zone)
        own = list(await tx.scalars(select(AdaptationRule).where(AdaptationRule.state != "retired").order_by(AdaptationRule.id.desc())))
    versions = {(row.rule, row.department): row for row in own if row.state == "active"}
    return render(
        request,
        "console/admin/rules.html",
        rules=[(each, versions.get((each.rule.id, each.rule.department))) for each in rules],
        drafts=[row for row in own if row.state == "draft"],
        wrong=request.query.get("why", "")[:300] or None,
    )


async def write(request: web.Request) -> web.StreamResponse:
    """A draft to be written: empty, or begun with what a version says."""
    text, desk = "", request.app[DESK]
    if (begun := number(request.query.get("from", ""))) is not None:
        async with desk.db.transaction() as tx:
            row = await tx.get(AdaptationRule, begun)
            if row is None:
                raise AccessRefused(f"rule {begun}")
            text = row.definition
    return _page(request, text)


async def save(request: web.Request) -> web.StreamResponse:
    """Check it (`check`), try it on the days past (`try`), or keep it as a draft. What is wrong is told, and the text stays."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    text, do = str(form.get("text", ""))[:LONGEST], form.get("do")
    days = min(max(number(form.get("days", "")) or 30, 1), MOST_DAYS)
    name = area_words("admin")["rule_text"]
    try:
        rules = await asyncio.to_thread(read_rules, text, name=name)
        if do == "check":
            failures = await asyncio.to_thread(run_examples, rules)
            return _page(request, text, wrong="\n".join(map(str, failures)) or None, passed=sum(len(rule.tests) for rule in rules))
        async with desk.db.transaction() as tx:
            if do == "try":
                lines = await trial(tx, rules, timedelta(days=days), staff=seat.staff, now=desk.clock(), zone=desk.zone)
                return _page(request, text, lines=lines, days=days)
            await save_draft(tx, text, author=seat.staff, now=desk.clock(), zone=desk.zone, name=name)
    except (AuthoringError, RuleError, LoopError) as err:
        return _page(request, text, wrong=str(err), days=days)
    return see_other(request, "/admin/rules", said="rule_saved")


async def approve(request: web.Request) -> web.StreamResponse:
    """Put a draft in force; not one's own."""
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            row = await _row(tx, request)
            await activate(tx, _key(row), row.version, approver=seat.staff, now=desk.clock(), zone=desk.zone)
    except (RuleError, LoopError) as err:
        return see_other(request, "/admin/rules", why=str(err))
    return see_other(request, "/admin/rules", said="rule_active")


async def end(request: web.Request) -> web.StreamResponse:
    """Take a version out of force, or drop a draft."""
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            row = await _row(tx, request)
            await retire(tx, _key(row), row.version, by=seat.staff, now=desk.clock())
    except RuleError as err:
        return see_other(request, "/admin/rules", why=str(err))
    return see_other(request, "/admin/rules", said="rule_retired")


async def _row(tx: AsyncSession, request: web.Request) -> AdaptationRule:
    row = await tx.get(AdaptationRule, int(request.match_info["id"]))
    if row is None:
        raise AccessRefused(f"rule {request.match_info['id']}")
    return row


def _key(row: AdaptationRule) -> str:
    return f"{row.rule}@{row.department}" if row.department else row.rule


def _page(
    request: web.Request, text: str, *, wrong: str | None = None, lines: list[str] | None = None, passed: int | None = None, days: int = 30
) -> web.Response:
    status = 422 if wrong else 200
    return render(
        request, "console/admin/rule.html", status=status, text=text, wrong=wrong, lines=lines, passed=None if wrong else passed, days=days
    )  # fmt: skip


ONE = "/admin/rules/{id:\\d{1,18}}"
ROUTES = (
    get("/admin/rules", show, WRITE),
    get("/admin/rules/new", write, WRITE),
    post("/admin/rules/new", save, WRITE),
    post(f"{ONE}/approve", approve, APPROVE),
    post(f"{ONE}/retire", end, APPROVE),
)
