"""The books of a year, from outside: what WeCom took and refused, held against what each plan should have done by a reckoning of its own.

Every finding begins with what is wrong, in capitals, and names its trail.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from integrations.wecom.outbound import message_id
from plans.clock import local_day
from plans.reach.policy import read_policy, shipped
from plans.reach.purpose import is_proactive
from plans.schedule import Due, schedule
from plans.task import OPEN
from plans.task_key import tasks_in
from plans.template import PlanTemplate
from records.care_plan import CarePlan, CarePlanChange, Task
from records.errand import Errand
from records.message import Outbound
from records.patient import Carer, PatientCarer
from records.state import StateChange
from tests.durability.books import beyond
from tests.durability.hospital import ZONE
from tests.durability.year_people import Enrolled

if TYPE_CHECKING:
    from tests.durability.year import Year

# What was on its way at the moment of an end may still be seen a breath later.
BREATH = timedelta(seconds=5)
Key = tuple[str, date, int]


@dataclass(frozen=True)
class Said:
    """A message that WeCom took from us."""

    user: str
    at: datetime
    key: str
    purpose: str
    tasks: tuple[int, ...]


@dataclass
class Books:
    """All rows, and what WeCom took."""

    year: "Year"
    tasks: list[Task]
    plans: dict[int, CarePlan]
    changed: set[int]
    changes: list[StateChange]
    outbound: dict[str, Outbound]
    errands: list[Errand]
    carers: dict[int, Carer]
    carer_of: dict[int, int]
    said: list[Said]
    unknown: list[str]
    rejected: dict[str, int]
    heard: dict[str, list[tuple[datetime, bool, str]]]
    ended: datetime
    hung_jobs: int

    def trail(self, keys: Collection[str], tasks: Collection[int] = ()) -> str:
        """What is on record about these rows and follow-ups."""
        rows = [row for key, row in self.outbound.items() if key in keys or set(tasks_in(key)) & set(tasks)]
        lines = [
            f"  outbox {r.key} {r.purpose} {r.state} {r.error} attempts {r.attempts} made {r.created_at:%d %T} from {r.not_before:%d %T}"
            f" sent {r.sent_at} {r.response}; taken {[str(each.at)[8:19] for each in self.said if each.key == r.key]}"
            for r in sorted(rows, key=lambda row: row.seq)
        ]
        moves = [c for c in self.changes if c.entity_id in tasks]
        return "\n".join(["", *lines, *(f"  {c.at:%d %T} task {c.entity_id}: {c.old} -> {c.new} by {c.by} ({c.reason})" for c in moves)])


async def open_books(year: "Year") -> Books:
    """Read both sides once the run is over."""
    ledger = await year.control("GET", "ledger")
    async with year.db.transaction() as tx:
        tasks = list(await tx.scalars(select(Task).order_by(Task.id)))
        plans = {plan.id: plan for plan in await tx.scalars(select(CarePlan))}
        changed = set(await tx.scalars(select(CarePlanChange.care_plan_id)))
        changes = list(await tx.scalars(select(StateChange).where(StateChange.entity == "task").order_by(StateChange.id)))
        outbound = {row.key: row for row in await tx.scalars(select(Outbound))}
        errands = list(await tx.scalars(select(Errand)))
        carers = {carer.id: carer for carer in await tx.scalars(select(Carer))}
        carer_of = {row.patient_id: row.carer_id for row in await tx.scalars(select(PatientCarer))}
    jobs = await _hung_jobs(year)
    by_msgid = {message_id(key): row for key, row in outbound.items()}
    said, unknown = [], []
    heard: dict[str, list[tuple[datetime, bool, str]]] = defaultdict(list)
    for message in ledger["messages"]:
        row, at = by_msgid.get(message["msgid"]), datetime.fromisoformat(message["at"])
        if row is None:
            unknown.append(f"{message['msgid']} {at} {message['external_userid']}")
            continue
        said.append(Said(message["external_userid"], at, row.key, row.purpose, tuple(tasks_in(row.key))))
    for household in year.households:
        chat = await year.control("GET", f"chats/{_account()}/{household.user}")
        for each in chat["messages"]:
            if each["from"] in ("customer", "bot"):
                heard[household.user].append((datetime.fromisoformat(each["at"]), each["from"] == "customer", each["msgid"]))
    rejected = {f"{each['path']} {each['errcode']}": int(each["count"]) for each in ledger["rejected"]}
    return Books(
        year, tasks, plans, changed, changes, outbound, errands, carers, carer_of, said, unknown, rejected, dict(heard), year.clock(), jobs
    )  # fmt: skip


async def _hung_jobs(year: "Year") -> int:
    """The jobs that are there and stay: the worker lives, and makes some now and then."""
    left = set[int]()
    for look in range(100):
        async with year.db.transaction() as tx:
            now = set(await tx.scalars(text("select id from procrastinate_jobs where status in ('todo', 'doing')")))
        left = left & now if look else now
        if not left:
            break
        await asyncio.sleep(0.1)
    return len(left)


def _account() -> str:
    from tests.durability.year_people import ACCOUNT

    return ACCOUNT


def figures(books: Books) -> dict[str, Any]:
    """What happened, in numbers."""
    return {
        "plans": len(books.plans),
        "follow_ups": len(books.tasks),
        "ended_as": dict(Counter(task.state for task in books.tasks)),
        "messages_sent": len(books.said),
        "openings": sum(_is_opening(each) for each in books.said),
        "reminders": sum(each.purpose == "reminder" for each in books.said),
        "undeliverable": dict(Counter(task.outcome for task in books.tasks if task.state == "undeliverable")),
        "rejected": books.rejected,
        "clinic": books.year.clinic.done,
        "plans_by_rules": len(books.plans.keys() - books.year.clinic.plans.keys()),
        "plans_changed_by_rules": len(books.changed),
        "errands": dict(Counter(errand.kind for errand in books.errands)),
    }


def findings(books: Books) -> Iterator[str]:
    """Everything that should not be so."""
    yield from (f"SAID AND NOT IN THE OUTBOX: {each}" for each in books.unknown)
    yield from _steps(books)
    yield from _one_end_each(books)
    yield from _once(books)
    yield from _quiet(books)
    yield from _nothing_after_the_end(books)
    yield from _nothing_after_a_stop(books)
    yield from _budget(books)
    yield from _windows(books)
    yield from _refused(books)
    yield from _missed_in_a_row(books)
    yield from _nothing_hangs(books)


def _is_opening(said: Said) -> bool:
    return said.purpose == "task" and not said.key.rpartition(":")[2].isdigit()


# --- steps against the schedule ---


def _steps(books: Books) -> Iterator[str]:
    """Every planned step day is one follow-up, or was withdrawn for a reason; and no follow-up is without a plan for it."""
    by_plan: dict[int, list[Task]] = defaultdict(list)
    for task in books.tasks:
        by_plan[task.care_plan_id].append(task)
    for plan in books.year.clinic.plans.values():
        if plan.id in books.changed:
            continue
        row = books.plans[plan.id]
        hour = min(max(books.carers[books.carer_of[plan.patient]].follow_up_hour, 8), 20)
        wanted, allowed = expected(plan, hour, until=books.ended)
        standing: dict[Key, list[Task]] = defaultdict(list)
        for task in by_plan[plan.id]:
            standing[task.step, task.day, task.slot].append(task)
        trail = f"plan {plan.id} {plan.template.id} {row.state} of patient {plan.patient}"
        for key, due in wanted.items():
            found = standing.get(key, [])
            alive = [task for task in found if task.state != "withdrawn"]
            if not found:
                yield f"STEP LOST: {trail}: {key[0]} {key[1]} #{key[2]}, due {due.due_at:%F %H:%M}"
            elif len(alive) > 1:
                yield f"STEP DOUBLED: {trail}: {key} tasks {[task.id for task in alive]}"
            elif not alive and any(not task.outcome for task in found):
                yield f"WITHDRAWN WITHOUT A REASON: {trail}: {key}"
            elif not alive and all(task.outcome == "condition" for task in found) and plan.template.step(key[0]).only_if is None:
                yield f"WITHDRAWN FOR A CONDITION IT HAS NOT: {trail}: {key}"
            elif not alive and not _may_be_withdrawn(found, plan, row):
                yield f"WITHDRAWN THOUGH WANTED: {trail}: {key} {[(task.id, task.outcome, str(task.closed_at)) for task in found]}"
            elif alive and alive[0].due_at != due.due_at:
                yield f"AT THE WRONG HOUR: {trail}: {key} at {alive[0].due_at}, not {due.due_at}"
        for key, found in standing.items():
            stray = [task for task in found if task.state != "withdrawn" and task.due_at <= books.ended]
            if stray and key not in allowed:
                yield f"ASKED WITHOUT A PLAN: {trail}: {key} task {stray[0].id} {stray[0].state}"


def _may_be_withdrawn(found: list[Task], plan: Enrolled, row: CarePlan) -> bool:
    """For its condition, or because what it hung on ended after it was due."""
    return all(
        task.outcome == "condition" or any(abs((era.at - task.closed_at).total_seconds()) < 60 for era in plan.eras if task.closed_at)
        for task in found
    )


def expected(plan: Enrolled, hour: int, *, until: datetime) -> tuple[dict[Key, Due], dict[Key, Due]]:
    """The follow-ups that this plan had to have by `until`, and all that it may have: by era, each with the dates that held then."""
    wanted: dict[Key, Due] = {}
    allowed: dict[Key, Due] = {}
    began = local_day(plan.eras[0].at, ZONE)
    for number, era in enumerate(plan.eras):
        if not era.active:
            continue
        end = plan.eras[number + 1].at if number + 1 < len(plan.eras) else until
        today = local_day(era.at, ZONE)
        last = local_day(end, ZONE) + timedelta(days=40)
        dues = _dues(plan.template, era.anchors, hour, start=today, end=last, taken_up=number == 0)
        more = _dues(plan.template, era.anchors, hour, start=began, end=last, taken_up=True)
        for due in (*dues, *more):
            key = (due.step, due.day, due.slot)
            if due.day >= began and due.due_at < end:
                allowed.setdefault(key, due)
        for due in dues:
            useful = due.due_at >= era.at if era.resumed else due.useful_until > era.at
            if due.due_at < end and useful:
                wanted[due.step, due.day, due.slot] = due
    return wanted, allowed


def _dues(template: PlanTemplate, anchors: Any, hour: int, *, start: date, end: date, taken_up: bool) -> list[Due]:
    return schedule(template, anchors, hour=hour, zone=ZONE, start=start, end=end, taken_up=taken_up)


def _one_end_each(books: Books) -> Iterator[str]:
    """A follow-up ends once, and what ended is ended."""
    ends = Counter(change.entity_id for change in books.changes if change.new not in OPEN and change.old != change.new)
    for task in books.tasks:
        if ends[task.id] > 1:
            yield f"ENDED {ends[task.id]} TIMES: task {task.id} {task.step} {task.day}"
        if (task.closed_at is not None) != (task.state not in OPEN) or (task.closed_at is not None) != (ends[task.id] == 1):
            yield f"END NOT WRITTEN DOWN: task {task.id} {task.state} closed {task.closed_at}, {ends[task.id]} ends"


# --- what was said ---


def _once(books: Books) -> Iterator[str]:
    """A message is taken once; a follow-up is opened once, and reminded as often as its step says."""
    steps = {plan.id: plan.template for plan in books.year.clinic.plans.values()}
    tasks = {task.id: task for task in books.tasks}
    for key, times in Counter(each.key for each in books.said).items():
        if times > 1:
            yield f"SAID {times} TIMES: {key}"
    reminded = {(change.entity_id, change.at) for change in books.changes if change.new == "reminded"}
    openings, reminders = Counter[int](), Counter[int]()
    for each in books.said:
        if each.purpose in ("task", "reminder") and _contact(books, each.key) == each.key:
            # A reminder may go out with the opening of others.
            for id in each.tasks:
                (reminders if (id, books.outbound[each.key].created_at) in reminded else openings)[id] += 1
    for id, times in openings.items():
        if times > 1:
            keys = [f"{each.key} {each.at:%F %T}" for each in books.said if id in each.tasks]
            yield f"OPENED {times} TIMES: task {id} {tasks[id].step} {tasks[id].day} {tasks[id].state}: {keys}{books.trail((), [id])}"
    for id, times in reminders.items():
        template = steps.get(tasks[id].care_plan_id)
        most = len(template.step(tasks[id].step).reminders) if template is not None else times
        if times > most:
            yield f"REMINDED {times} TIMES, NOT {most}: task {id} {tasks[id].step} {tasks[id].day}{books.trail((), [id])}"


def _contact(books: Books, key: str) -> str:
    """The key of the contact that a message is a part of: what goes out as several messages at once is one."""
    head, _, part = key.rpartition(":")
    return head if part.isdigit() and head in books.outbound else key


def _quiet(books: Books) -> Iterator[str]:
    for each in books.said:
        hour = each.at.astimezone(ZONE).hour
        if is_proactive(each.purpose) and not 8 <= hour < 21:
            yield f"IN QUIET HOURS: {each.key} {each.purpose} to {each.user} at {each.at.astimezone(ZONE):%F %T}"


def _nothing_after_the_end(books: Books) -> Iterator[str]:
    """Nothing about a plan after it ended or paused, nothing about a child after its death, nothing about what has ended."""
    tasks = {task.id: task for task in books.tasks}
    for each in books.said:
        if not is_proactive(each.purpose):
            continue
        for id in each.tasks:
            task = tasks[id]
            plan = books.year.clinic.plans.get(task.care_plan_id)
            eras = [era for era in plan.eras if era.at + BREATH < each.at] if plan is not None else []
            if eras and not eras[-1].active:
                yield f"SAID AFTER THE END: {each.key} at {each.at}, plan {task.care_plan_id} stopped at {eras[-1].at}"
            if task.closed_at is not None and task.closed_at + BREATH < each.at:
                yield f"SAID OF WHAT HAS ENDED: {each.key} at {each.at}, task {id} {task.state} at {task.closed_at}"
    for household in books.year.households:
        gone = [kid.died for kid in household.kids if kid.died is not None]
        if gone and len(gone) == len(household.kids):
            for each in books.said:
                if each.user == household.user and is_proactive(each.purpose) and each.at > max(gone) + BREATH:
                    yield f"SAID AFTER A DEATH: {each.key} to {household.user} at {each.at}"


def _nothing_after_a_stop(books: Books) -> Iterator[str]:
    stops = {household.user: household.stops for household in books.year.households}
    for each in books.said:
        if is_proactive(each.purpose):
            for begin, end in stops.get(each.user, []):
                # A stop counts from when it was heard: the round's rest, at most two minutes.
                if begin + timedelta(minutes=2) < each.at < (end or books.ended):
                    yield f"SAID AFTER A STOP: {each.key} to {each.user} at {each.at}, stopped at {begin}"


def _budget(books: Books) -> Iterator[str]:
    """Per family no more contacts in a day, and in any seven days, than the policy says."""
    budget = read_policy(shipped()).hospital.budget
    made: dict[str, dict[str, datetime]] = defaultdict(dict)
    for each in books.said:
        if is_proactive(each.purpose):
            made[each.user].setdefault(_contact(books, each.key), each.at)
    for user, contacts in made.items():
        moments = sorted(contacts.values())
        for day, of_day in groupby(moments, key=lambda at: local_day(at, ZONE)):
            if (count := len(list(of_day))) > budget.per_day:
                keys = [key for key, at in contacts.items() if local_day(at, ZONE) == day]
                yield f"OVER THE DAY'S BUDGET: {count} to {user} on {day}: {keys}"
        for number, at in enumerate(moments):
            week = [other for other in moments[: number + 1] if other > at - timedelta(days=7)]
            if len(week) > budget.per_week:
                yield f"OVER THE WEEK'S BUDGET: {len(week)} to {user} up to {at}"


def _windows(books: Books) -> Iterator[str]:
    """Never more than five messages to a word of the family, of which at most four we began, and none after 48 hours."""
    purposes = {message_id(each.key): each for each in books.said}

    def row(msgid: str) -> Outbound | None:
        return books.outbound.get(purposes[msgid].key) if msgid in purposes else None

    for user, line in books.heard.items():
        ours = [each for each in line if each[1] or ((found := row(each[2])) is not None and found.route == "kf")]
        for at, msgid, what in beyond(ours, lambda msgid: is_proactive(purposes[msgid].purpose)):
            said = purposes[msgid]
            yield f"{what}: {said.key} {said.purpose} to {user} at {at}{_line(books, line, at)}"


def _line(books: Books, line: list[tuple[datetime, bool, str]], at: datetime) -> str:
    keys = {message_id(key): key for key in books.outbound}
    rows = [
        f"  {'family' if theirs else keys.get(msgid)} {when:%d %T.%f}"
        for when, theirs, msgid in line
        if at - timedelta(days=3) < when <= at
    ]
    return "\n".join(
        ["", *rows, books.trail([keys[msgid] for when, _, msgid in line if msgid in keys and at - timedelta(days=3) < when <= at])]
    )


def _refused(books: Books) -> Iterator[str]:
    """No call was refused for a limit that our own ledger should have foreseen."""
    for key, count in books.rejected.items():
        path, code = key.rsplit(" ", 1)
        if code in ("45009", "95001", "95002") and not any(each == key for each in books.year.run.injected):
            yield f"REFUSED FOR A LIMIT: {path} {code}, {count} times"
        elif code in ("95001", "95002") and count > 3 * books.year.run.injected[key]:
            yield f"REFUSED FOR A LIMIT: {path} {code}, {count} times, {books.year.run.injected[key]} faults injected"


# --- what followed ---


def _missed_in_a_row(books: Books) -> Iterator[str]:
    """Each run of missed follow-ups that is as long as its step says has become one errand, and no other has."""
    raised = Counter(errand.key for errand in books.errands if errand.kind == "missed")
    by_step: dict[tuple[int, str], list[Task]] = defaultdict(list)
    for task in books.tasks:
        by_step[task.care_plan_id, task.step].append(task)
    wanted: Counter[str] = Counter()
    for (plan_id, step_id), tasks in by_step.items():
        plan = books.year.clinic.plans.get(plan_id)
        if plan is None or plan_id in books.changed or (rule := plan.template.step(step_id).missed) is None:
            continue
        ended = sorted(
            (t for t in tasks if t.closed_at is not None and t.state not in ("undeliverable", "withdrawn")), key=lambda t: (t.due_at, t.id)
        )
        for missed, run in groupby(ended, key=lambda task: task.state == "missed"):
            row = list(run)
            if missed and len(row) >= rule.in_a_row:
                wanted[f"missed:{plan_id}:{step_id}:{row[0].id}"] += 1
    for key in wanted.keys() | raised.keys():
        plan_id = int(key.split(":")[1])
        if wanted[key] != raised[key] and plan_id in books.year.clinic.plans and plan_id not in books.changed:
            yield f"MISSED IN A ROW: {key} became {raised[key]} errands, not {wanted[key]}"


def _nothing_hangs(books: Books) -> Iterator[str]:
    for task in books.tasks:
        if task.state in OPEN and task.useful_until < books.ended and not (task.state == "sent" and task.next_at is None):
            yield f"HANGS: task {task.id} {task.step} {task.day} {task.state} useful until {task.useful_until}, looked at {task.next_at}"
    for row in books.outbound.values():
        waits = row.state in ("queued", "sending")
        if waits and row.error != "window_closed" and row.not_before < books.ended - timedelta(hours=1):
            yield f"HANGS: outbox {row.key} {row.state} {row.error} from {row.not_before}"
        if waits and row.useful_until is not None and row.useful_until < books.ended:
            yield f"HANGS: outbox {row.key} {row.state} {row.error}, of use until {row.useful_until}"
    if books.hung_jobs:
        yield f"HANGS: {books.hung_jobs} jobs"
