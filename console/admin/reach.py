"""How often, when and by which routes families may be reached: the rules in force, read as a table and changed as text."""

from aiohttp import web
from sqlalchemy import select

from console.desk import DESK, SEAT
from console.page import get, post, render, see_other
from console.words import area_words
from plans.authored import AuthoringError
from plans.reach.policy import Policy, keep_policy, policy_text, read_policy
from records.staff import Team
from records.state import StateChange

RIGHT = "settings.manage"
LONGEST = 60_000


async def show(request: web.Request) -> web.StreamResponse:
    """The rules in force."""
    async with request.app[DESK].db.transaction() as tx:
        text = await policy_text(tx)
        last = await tx.scalar(select(StateChange).where(StateChange.entity == "reach_policy").order_by(StateChange.id.desc()).limit(1))
        teams = list(await tx.scalars(select(Team.name).order_by(Team.name)))
    return _page(request, text, read_policy(text), teams, last=last)


async def save(request: web.Request) -> web.StreamResponse:
    """Put other rules in force. What is wrong is told with its place, and the text stays."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    text = str(form.get("text", ""))[:LONGEST].replace("\r\n", "\n")
    try:
        async with desk.db.transaction() as tx:
            await keep_policy(tx, text, name=area_words("admin")["policy_text"])
            by = seat.staff.userid
            tx.add(StateChange(entity="reach_policy", entity_id=0, old=None, new="used", at=desk.clock(), by=by, reason="console"))
    except AuthoringError as err:
        async with desk.db.transaction() as tx:
            teams, current = list(await tx.scalars(select(Team.name).order_by(Team.name))), read_policy(await policy_text(tx))
        return _page(request, text, current, teams, wrong=str(err))
    return see_other(request, "/admin/reach", said="policy_saved")


def _page(
    request: web.Request, text: str, policy: Policy, teams: list[str], *, last: StateChange | None = None, wrong: str | None = None
) -> web.Response:
    words = area_words("admin")
    names = [None, *sorted({*teams} & policy.departments.keys())]
    return render(
        request,
        "console/admin/reach.html",
        status=422 if wrong else 200,
        text=text,
        rows=[(name, policy.of(name)) for name in names],
        strangers=sorted(policy.departments.keys() - {*teams}),
        routes=words["routes"],
        purposes=words["purposes"],
        last=last,
        wrong=wrong,
    )


ROUTES = (get("/admin/reach", show, RIGHT), post("/admin/reach", save, RIGHT))
