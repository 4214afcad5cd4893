"""What a finished experiment suggests for a template: a row with the figures behind it, for a clinician to accept or refuse.

Accepting writes down the change and who wants it. It changes no template: that is done where templates are, by whoever may.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.arm import arm_from
from plans.experiment.life import access_experiment
from plans.experiment.result import Figures, figures, shares_by_arm
from plans.experiment.words import ExperimentRefused, say
from records.experiment import SEND_HOUR, SUGGESTION_MOVES, Experiment, ExperimentLook, TemplateSuggestion
from records.staff import Staff, TeamMember
from records.state import move


async def suggest(tx: AsyncSession, staff: Staff, code: str, *, now: datetime) -> TemplateSuggestion | None:
    """The suggestion of a stopped or concluded experiment; None where its interval does not lie above zero, or it is of no one template.

    Raises ExperimentRefused for somebody else's experiment, and for one that still runs.
    """
    row = await access_experiment(tx, staff, code)
    if row.state not in ("stopped", "concluded"):
        raise ExperimentRefused("state", state=say(f"states.{row.state}"))
    found = await _figures(tx, row)
    best = max(found.differences, key=lambda each: each.difference)
    if row.template is None or best.z is None or best.low <= 0:
        return None
    arms = {each["id"]: arm_from(row.kind, each) for each in row.arms}
    of = {each.arm: each for each in found.arms}
    current, proposed = of[row.arms[0]["id"]], of[best.arm]
    because = say(
        "because.experiment",
        code=row.code,
        proposed=arms[best.arm].value,
        rate=proposed.share or 0.0,
        families=proposed.families,
        current=arms[current.arm].value,
        base=current.share or 0.0,
        base_families=current.families,
        difference=best.difference,
        low=best.low,
        high=best.high,
    )
    values = {
        "key": f"experiment:{row.code}",
        "team_id": row.team_id,
        "template": row.template,
        "kind": row.kind,
        "current": arms[current.arm].value,
        "proposed": arms[best.arm].value,
        "figures": {"because": because, **found.as_stored()},
        "state": "proposed",
        "proposed_at": now,
    }
    await tx.execute(insert(TemplateSuggestion).values(values).on_conflict_do_nothing(index_elements=["key"]))
    return (await tx.scalars(select(TemplateSuggestion).where(TemplateSuggestion.key == values["key"]))).one()


async def suggestions_for(tx: AsyncSession, staff: Staff, state: str = "proposed") -> list[TemplateSuggestion]:
    """The suggestions for a clinician's teams in a state, the newest first."""
    query = select(TemplateSuggestion).join(TeamMember, TeamMember.team_id == TemplateSuggestion.team_id)
    query = query.where(TeamMember.staff_id == staff.id, TemplateSuggestion.state == state).order_by(TemplateSuggestion.id.desc())
    return list(await tx.scalars(query)) if staff.active else []


async def decide_suggestion(
    tx: AsyncSession, staff: Staff, id: int, *, accepted: bool, now: datetime, reason: str | None = None
) -> TemplateSuggestion:
    """Accept or refuse. Raises ExperimentRefused: not of his teams, or decided before."""
    query = select(TemplateSuggestion).join(TeamMember, TeamMember.team_id == TemplateSuggestion.team_id)
    query = query.where(TemplateSuggestion.id == id, TeamMember.staff_id == staff.id).with_for_update(of=TemplateSuggestion)
    row = await tx.scalar(query)
    if row is None or not staff.active:
        raise ExperimentRefused("not_member")
    if row.state != "proposed":
        raise ExperimentRefused("suggestion_decided")
    new = "accepted" if accepted else "refused"
    draft = _draft(row) if accepted else None
    await move(
        tx, row, new, moves=SUGGESTION_MOVES, at=now, by=staff.userid, reason=reason, decided_by=staff.userid, decided_at=now, draft=draft
    )
    return row


def _draft(row: TemplateSuggestion) -> dict[str, Any]:
    """The change as data, for whoever edits the template."""
    field = "hour" if row.kind == SEND_HOUR else "opening"
    return {"template": row.template, "field": field, "from": row.current, "to": row.proposed}


async def _figures(tx: AsyncSession, row: Experiment) -> Figures:
    """As they stand now, at the bound of the last look (of the first, the widest, where it was stopped before any)."""
    last = await tx.scalar(select(func.max(ExperimentLook.number)).where(ExperimentLook.experiment_id == row.id))
    return figures(await shares_by_arm(tx, row), look=last or 1, looks=row.looks, alpha=row.alpha)
