"""The installation: its settings, what a live look finds, and the work in the queue. No secret is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast, get_args

import structlog
from aiohttp import web
from pydantic import BaseModel, SecretStr
from sqlalchemy import func, select, text

from bot.jobs import workers_alive
from bot.stuck import Kind, StuckError, stuck
from bot.stuck import again as try_again
from console.desk import DESK, SEAT
from console.form import words
from console.page import get, post, render, see_other
from console.sending import held
from console.words import area_words
from records.message import Outbound

log = structlog.get_logger(__name__)

RIGHT = "settings.manage"
SHOWN = 50
KINDS = get_args(Kind)
_JOBS = text(
    "select task_name, status::text, count(*), min(scheduled_at) from procrastinate_jobs where status in ('todo', 'doing', 'failed') "
    "group by 1, 2 order by 3 desc"
)


@dataclass(frozen=True)
class Shown:
    """A setting: its name, what it is for, and its value in words; of a secret only whether there is one."""

    name: str
    help: str
    value: str
    secret: bool
    changed: bool


async def show(request: web.Request) -> web.StreamResponse:
    """The settings; the live look is asked for by the page."""
    desk = request.app[DESK]
    rows = list(shown(desk.installation.settings)) if desk.installation is not None else []
    async with desk.db.transaction() as tx:
        waits = await held(tx)
    return render(request, "console/admin/system.html", rows=rows, can_check=desk.installation is not None, held=waits)


async def check(request: web.Request) -> web.StreamResponse:
    """What `careloop doctor` finds now. It may take seconds: it asks WeCom and the others."""
    desk = request.app[DESK]
    if desk.installation is None:
        raise web.HTTPNotFound
    try:
        findings = await desk.installation.check()
    except Exception as err:
        log.error("check failed", error=type(err).__name__)
        return render(request, "console/admin/_findings.html", findings=[], failed=True)
    return render(request, "console/admin/_findings.html", findings=findings, failed=False)


async def jobs(request: web.Request) -> web.StreamResponse:
    """The queue, and what could not be done at all."""
    async with request.app[DESK].db.transaction() as tx:
        queue = (await tx.execute(_JOBS)).all()
        workers = await workers_alive(tx)
        waiting = select(func.count(), func.min(Outbound.not_before)).where(Outbound.state.in_(("queued", "sending")))
        open_ = (await tx.execute(waiting)).one()
        lying = await stuck(tx, SHOWN)
    return render(
        request,
        "console/admin/jobs.html",
        queue=queue,
        workers=workers,
        waiting=open_[0],
        oldest=open_[1],
        lying={kind: [each for each in lying if each.kind == kind] for kind in ("outgoing", "callback", "message")},
        words=area_words("admin"),
    )


async def again(request: web.Request) -> web.StreamResponse:
    """Try one of them once more."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    kind, key = words(form, "kind"), words(form, "key")
    if kind not in KINDS:
        raise web.HTTPBadRequest
    try:
        async with desk.db.transaction() as tx:
            await try_again(tx, cast(Kind, kind), key, by=seat.staff.userid, reason="console", now=desk.clock())
    except StuckError as err:
        return see_other(request, "/admin/jobs", said=f"stuck_{err.code}")
    return see_other(request, "/admin/jobs", said="stuck_again")


def shown(settings: BaseModel, prefix: str = "") -> Iterator[Shown]:
    """Every setting in its order, those of a part by `part.name`."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from shown(value, f"{prefix}{name}.")
            continue
        secret = isinstance(value, SecretStr) or "SecretStr" in str(field.annotation)
        changed = name in settings.model_fields_set
        yield Shown(prefix + name, area_words("admin")["setting_help"].get(prefix + name, ""), _said(value, secret), secret, changed)


def _said(value: Any, secret: bool) -> str:
    words = area_words("admin")["settings"]
    if secret:
        given = bool(value.get_secret_value()) if isinstance(value, SecretStr) else bool(value)
        return str(words["given" if given else "not_given"])
    if value is None or value == "" or value == []:
        return str(words["empty"])
    if isinstance(value, bool):
        return str(words["yes" if value else "no"])
    if isinstance(value, list):
        return "、".join(map(str, value))
    # A mapping may hold what others gave us (templates with their ids): its names are enough.
    return "、".join(map(str, value)) if isinstance(value, dict) else str(value)


ROUTES = (
    get("/admin/system", show, RIGHT),
    post("/admin/system/check", check, RIGHT),
    get("/admin/jobs", jobs, RIGHT),
    post("/admin/jobs/again", again, RIGHT),
)
