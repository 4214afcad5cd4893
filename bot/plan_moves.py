"""What `careloop plan move` does: people to another version, the difference shown first."""

from collections.abc import AsyncIterator

from bot.plan_changes import told
from bot.plan_command import Asked, NotReally, asked
from bot.plan_definitions import difference_text
from bot.registry import RegistryError
from plans.definition import newest_template, template_at
from plans.planning_words import say
from plans.template import PlanTemplate
from plans.version_move import Moved, move_all, plans_below
from records.care_plan import CarePlan
from records.patient import Patient

# So many patients are shown one by one.
NAMED = 50


def move_command(id: str, by: str, *, to: int | None, record_number: str | None, yes: bool) -> None:
    """`careloop plan move`."""

    async def work(who: Asked) -> str:
        new = await newest_template(who.tx, id) if to is None else await template_at(who.tx, id, to)
        done = await move_all(who.tx, _plans(who, new, record_number), new, by=who.staff.userid, now=who.now, zone=who.zone)
        if not done.moved and not done.refused:
            raise RegistryError(f"Nobody of your patients is on another version of {id!r}.")
        lines = [say("shown.version", id=id, old=old, new=new.version) for old in sorted(done.versions)]
        for old in sorted(done.versions):
            lines.append(difference_text(await template_at(who.tx, id, old), new))
        lines.append(say("shown.moved", patients=len(done.moved), added=done.added, withdrawn=done.withdrawn, kept=done.kept))
        lines += [await _line(who, one) for one in done.moved[:NAMED]]
        lines += [await _lost(who, one, new) for one in done.moved if one.lost]
        lines += [f"{each.name}：{each.text}" for each in done.refused]
        if not yes:
            raise NotReally("\n".join([*lines, say("shown.not_yet")]))
        return "\n".join(lines)

    print(asked(work, by))


async def _plans(who: Asked, new: PlanTemplate, record_number: str | None) -> AsyncIterator[CarePlan]:
    if record_number is not None:
        yield await who.plan(record_number, new.id)
        return
    after, teams = 0, await who.teams()
    while plans := await plans_below(who.tx, new, teams, after=after):
        for plan in plans:
            yield plan
        after = plans[-1].id


async def _line(who: Asked, one: Moved) -> str:
    name = (await who.tx.get_one(Patient, one.patient_id)).name
    became = one.became
    return f"  {name}：" + say("shown.became", added=became.added, moved=became.moved, withdrawn=became.withdrawn, kept=became.kept)


async def _lost(who: Asked, one: Moved, new: PlanTemplate) -> str:
    name = (await who.tx.get_one(Patient, one.patient_id)).name
    titles = new.titles
    return say("shown.lost", name=name, what="；".join(told(change, titles) for change in one.lost))
