"""What `careloop plan changes` and `careloop plan change` do."""

from typing import Any

from sqlalchemy import select

from bot.plan_command import Asked, asked, day_of
from bot.registry import RegistryError
from plans.change import EVERY_STEP
from plans.changing import Changer
from plans.personal import plan_templates
from plans.planning_words import say
from records.care_plan import CarePlan, CarePlanChange

KINDS = ("skip", "move", "add", "hours", "text", "frequency", "undo")


def changes_command(id: str, record_number: str, by: str) -> None:
    """`careloop plan changes`."""

    async def work(who: Asked) -> str:
        plan = await who.plan(record_number, id)
        rows = (await who.tx.scalars(_of(plan).order_by(CarePlanChange.id))).all()
        titles = (await plan_templates(who.tx, [plan]))[plan.id].titles
        lines = [f"#{row.id} {row.at.astimezone(who.zone):%Y-%m-%d} {row.by}：{told(row, titles)}" for row in rows]
        return "\n".join(lines) or say("shown.no_changes")

    print(asked(work, by))


def told(change: CarePlanChange, titles: dict[str, str]) -> str:
    """A change in one sentence."""
    detail = dict(change.detail)
    step = say("changes.every_step") if change.step == EVERY_STEP else titles.get(change.step, change.step)
    if "body" in detail:
        step = detail["body"].get("title", step)
    kind = "skip_all" if change.kind == "skip" and change.day is None else change.kind
    values = {
        "step": step,
        "day": detail.get("day") if kind == "add" else change.day,
        "to": detail.get("day"),
        "hour": detail.get("hour", ""),
        "hours": "、".join(map(str, detail.get("hours", ()))),
        "text": "；".join(str(detail[name]) for name in ("title", "text", "ask") if name in detail),
        **{name: detail.get(name) for name in ("from", "until", "every")},
    }
    reason = f"（{change.reason}）" if change.reason else ""
    return say(f"changes.{kind}", **values) + reason + (say("changes.undone") if change.undone_at is not None else "")


def change_command(id: str, record_number: str, what: str, by: str, *, said: dict[str, Any], why: str) -> None:
    """`careloop plan change`."""
    if what not in KINDS:
        raise RegistryError(f"What is changed is one of {', '.join(KINDS)}, not {what!r}.")

    async def work(who: Asked) -> str:
        plan = await who.plan(record_number, id)
        changer = Changer(who.tx, plan, by=who.staff.userid, now=who.now, zone=who.zone, reason=why or None)
        if what == "undo":
            row = await who.tx.scalar(_of(plan).where(CarePlanChange.id == _needed(said, "number")))
            if row is None:
                raise RegistryError(f"There is no change {said['number']} in this plan.")
            became = await changer.undo(row)
        else:
            row, became = await _change(changer, what, said)
        titles = (await plan_templates(who.tx, [plan]))[plan.id].titles
        done = say("shown.became", added=became.added, moved=became.moved, withdrawn=became.withdrawn, kept=became.kept)
        return f"#{row.id} {told(row, titles)}\n{done}"

    print(asked(work, by))


async def _change(changer: Changer, what: str, said: dict[str, Any]) -> Any:
    hour = said["hour"][0] if said["hour"] else None
    if what == "add" and said["step"] is None:
        body = {"kind": "message", "title": said["title"] or say("shown.message"), "text": _needed(said, "text")}
        return await changer.add_step(body, day_of(_needed(said, "day")), hour=hour)
    step = _needed(said, "step")
    match what:
        case "skip":
            return await changer.skip(step, day_of(said["day"]) if said["day"] else None, said["slot"] if said["day"] else None)
        case "move":
            return await changer.move(step, day_of(_needed(said, "day")), day_of(_needed(said, "to")), slot=said["slot"], hour=hour)
        case "add":
            return await changer.add_task(step, day_of(_needed(said, "day")), hour=hour)
        case "hours":
            return await changer.change_hours(step, said["hour"])
        case "text":
            return await changer.change_text(step, title=said["title"], text=said["text"], question=said["question"], ask=said["ask"])
    return await changer.change_frequency(step, _needed(said, "every"), days=_needed(said, "days"))


def _needed(said: dict[str, Any], name: str) -> Any:
    if said[name] is None:
        raise RegistryError(f"--{name} is missing.")
    return said[name]


def _of(plan: CarePlan) -> Any:
    return select(CarePlanChange).where(CarePlanChange.care_plan_id == plan.id)
