"""How long each class of data is kept, by what law, and what the last nights let go."""

from aiohttp import web
from sqlalchemy import select

from bot.retention_classes import RetentionError, classes
from bot.retention_command import THEN
from console.desk import DESK
from console.page import get, render
from records.retention_run import RetentionRun

RIGHT = "audit.read"
RUNS = 14


async def show(request: web.Request) -> web.StreamResponse:
    """The classes, and the last runs in numbers."""
    desk = request.app[DESK]
    try:
        known = classes(desk.installation.settings.retention_file if desk.installation is not None else None)
        wrong = None
    except RetentionError as err:
        known, wrong = classes(None), str(err)
    async with desk.db.transaction() as tx:
        runs = list(await tx.scalars(select(RetentionRun).order_by(RetentionRun.id.desc()).limit(RUNS)))
    told = [(row, [(known[code].name if code in known else code, sum(each.values())) for code, each in row.counts.items()]) for row in runs]
    return render(request, "console/admin/retention.html", classes=known.values(), then=THEN, runs=told, wrong=wrong)


ROUTES = (get("/admin/retention", show, RIGHT),)
