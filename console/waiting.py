"""What waits for somebody other than its author: a number beside entries of the navigation, for whoever may decide it."""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT, Seat
from console.page import ANYBODY, WAITING, get, render


@dataclass(frozen=True)
class Kind:
    """What waits behind an entry of the navigation, and the right that decides it (`whole`: only everywhere).

    The query knows who asks (`:id` and `:me`, number and userid) and, by the right's name, the ids of the teams in which he has it.
    `members`: only those that he belongs to; else those of his roles, and null stands for all.
    """

    path: str
    right: str
    query: str
    whole: bool = False
    members: bool = True

    @property
    def teams(self) -> str:
        """The name of the teams' parameter."""
        return self.right.replace(".", "_")


# Each asks a partial index, or a table that stays small. What somebody may not decide himself does not wait for him.
KINDS = (
    Kind(
        "/content",
        "content.approve",
        "content_version v join content_item i on i.id = v.content_id where v.state in ('draft', 'reviewed') "
        "and not v.editors @> to_jsonb(cast(:me as text)) and (i.team_id is null or i.team_id = any(:content_approve)) "
        # What was sent back waits for its author (plans/content/lifecycle.py).
        "and not (v.state = 'draft' and coalesce((select c.old is not null and c.reason is distinct from 'changed' from state_change c "
        "where c.entity = 'content_version' and c.entity_id = v.id order by c.id desc limit 1), false))",
    ),
    Kind(
        "/mass",
        "mass.approve",
        "mass_message m where m.state = 'submitted' and m.team_id = any(:mass_approve) and m.created_by <> :id "
        "and (select c.by from state_change c where c.entity = 'mass_message' and c.entity_id = m.id and c.new = 'submitted' "
        "order by c.id desc limit 1) is distinct from :me",
    ),
    Kind("/plans", "plan.approve", "plan_definition where state = 'draft' and author <> :me"),
    Kind("/admin/rules", "rule.approve", "adaptation_rule where state = 'draft' and author <> :me"),
    Kind(
        "/admin/triage",
        "triage.approve",
        "triage_overlay o join team t on t.name = o.department where o.state = 'draft' and o.author <> :me "
        "and (cast(:triage_approve as bigint[]) is null or t.id = any(:triage_approve))",
        members=False,
    ),
    # A model needs no second person; it waits once it was found no worse than the one in use.
    Kind(
        "/nlu",
        "nlu.publish",
        "model_version v where v.state = 'candidate' and v.id > coalesce((select max(id) from model_version where state = 'published'), 0) "
        "and (select c.state = 'done' and c.refusals = '[]' from model_comparison c where c.version_id = v.id order by c.id desc limit 1)",
        whole=True,
    ),
    Kind(
        "/corrections",
        "care.act",
        "correction c join patient p on p.id = c.patient_id where c.state = 'open' and p.team_id = any(:care_act)",
    ),
    Kind(
        "/admin/erasures",
        "data.erase",
        "erasure where state = 'open' and filed_by <> :id and (cast(:data_erase as bigint[]) is null or team_id = any(:data_erase))",
        members=False,
    ),
)


async def waiting(tx: AsyncSession, seat: Seat) -> dict[str, int]:
    """How many wait for whoever sits there, by the path in the navigation, where any do; one question for all."""
    mine = [kind for kind in KINDS if seat.rights.has(kind.right, whole=kind.whole)]
    if not mine:
        return {}
    asked = " union all ".join(f"select '{kind.path}', count(*) from {kind.query}" for kind in mine)  # noqa: S608 - our own words
    given = {"me": seat.staff.userid, "id": seat.staff.id} | {kind.teams: _teams(kind, seat) for kind in mine}
    return {path: number for path, number in await tx.execute(text(asked), given) if number}


def _teams(kind: Kind, seat: Seat) -> list[int] | None:
    if kind.members:
        return seat.rights.teams_with(kind.right, seat.teams)
    return None if kind.right in seat.rights.everywhere else seat.rights.teams_with(kind.right, seat.rights.by_team)


async def show(request: web.Request) -> web.StreamResponse:
    """The numbers alone, each for its place in the navigation."""
    async with request.app[DESK].db.transaction() as tx:
        request[WAITING] = await waiting(tx, request[SEAT])
    return render(request, "console/_waiting.html")


ROUTES = (get("/waiting", show, ANYBODY),)
