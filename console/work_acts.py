"""What is done from the work list, through the doors and by the moves of the cards: alerts, questions, errands, and what needs a nod."""

from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot import alerts, questions
from bot.cards import NEXT_TIER
from bot.lines import deliver
from console.alert import alert_to_act_on
from console.desk import DESK, SEAT
from console.form import number, plain, words
from console.page import Handler
from console.work_page import Said, after
from plans.dealt_with import access_line, bring_back, deal_with
from plans.errand import CLOSED, access_errand, can_reopen, close_errand, release_errand, reopen_errand, take_errand
from records.chat import Chat
from records.errand import Errand
from records.flag import Flag
from records.patient import AccessRefused
from records.question import QUESTION
from records.staff import colleagues

WHY = "work_list"
LONGEST_NOTE, LONGEST_ANSWER, MOST_AT_ONCE = 500, 2000, 100
Act = Callable[[AsyncSession, web.Request], Awaitable[Said]]
Then = Callable[[web.Request, Said], Awaitable[web.StreamResponse]]


def act(do: Act, then: Then = after) -> Handler:
    """The handler that does it in one transaction, and `then` shows what came of it: the list with a word of it."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await request.post()
        async with request.app[DESK].db.transaction() as tx:
            said = await do(tx, request)
        return await then(request, said)

    return handler


async def claim(tx: AsyncSession, request: web.Request) -> Said:
    """Have the alert, and its chat in WeCom; who comes second only hears who was first."""
    flag, chat = await _alert(tx, request, _id(request))
    return await _claim(tx, request, flag, chat)


async def claim_here(tx: AsyncSession, request: web.Request) -> Said:
    """The same, and the chat stays where it is: who has it open on our pages writes from there."""
    flag, _ = await _alert(tx, request, _id(request))
    return await _claim(tx, request, flag, None)


async def _claim(tx: AsyncSession, request: web.Request, flag: Flag, chat: Chat | None) -> Said:
    staff = request[SEAT].staff
    if not alerts.is_theirs(flag, staff):
        return Said("taken")
    if flag.state != "acknowledged":
        await deliver(tx, await alerts.claim(tx, flag, chat, staff, request.app[DESK].clock()))
    return Said("claimed")


async def transfer(tx: AsyncSession, request: web.Request) -> Said:
    """Pass the alert on, to a colleague of its rota or to the next tier."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    to = words(form, "to")
    flag, _ = await _alert(tx, request, _id(request))
    if not alerts.is_theirs(flag, seat.staff):
        return Said("taken")
    names = {each.userid: each.name for each in await colleagues(tx, flag.team_id, seat.staff)} | {NEXT_TIER: ""}
    if to not in names:
        return Said("nobody")
    await deliver(tx, await alerts.transfer(tx, flag, seat.staff, to, desk.clock()))
    return Said("transferred", values={"to": names[to]}) if names[to] else Said("passed_on")


async def close(tx: AsyncSession, request: web.Request) -> Said:
    """Close the alert with what came of it."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    outcome, note = words(form, "outcome"), words(form, "note", LONGEST_NOTE)
    flag, _ = await _alert(tx, request, _id(request))
    if flag.state == "closed":
        return Said("closed_before")
    if outcome not in alerts.OUTCOMES:
        return Said("no_outcome")
    lines = await alerts.close(tx, flag, seat.staff, desk.clock(), outcome=outcome, note=note or None)
    await deliver(tx, lines)
    return Said("closed")


async def answer(tx: AsyncSession, request: web.Request) -> Said:
    """Answer the family's question in writing."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    said = words(form, "words", LONGEST_ANSWER)
    flag, chat = await _alert(tx, request, _id(request))
    if flag.category != QUESTION or chat is None:
        raise AccessRefused(f"question {flag.id}")
    if not said:
        return Said("no_words")
    done = await questions.answer(tx, flag, chat, seat.staff, said, desk.clock(), reason="answered in the console")
    await deliver(tx, done.lines)
    return Said(f"answer_{done.became}")


async def take(tx: AsyncSession, request: web.Request) -> Said:
    """Say that one is doing an errand."""
    desk, seat = request.app[DESK], request[SEAT]
    errand = await _errand(tx, request, _id(request))
    took = await take_errand(tx, errand, seat.staff, now=desk.clock())
    return Said("took", (f"errand:{errand.id}",)) if took else Said("closed_before")


async def close_one(tx: AsyncSession, request: web.Request) -> Said:
    """End an errand: done, or dropped with the reason."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    state, note = words(form, "state"), words(form, "note", LONGEST_NOTE)
    errand = await _errand(tx, request, _id(request))
    if state not in CLOSED or (state == "dropped" and not note):
        return Said("no_reason")
    closed = await close_errand(tx, errand, state, by=seat.staff.userid, outcome=note or None, now=desk.clock())
    back = (f"errand:{errand.id}",) if can_reopen(errand) else ()
    return Said(state, back) if closed else Said("closed_before")


async def dismiss(tx: AsyncSession, request: web.Request) -> Said:
    """Take a line off the list that has no end of its own."""
    key = words(await request.post(), "item")
    await _dismiss(tx, request, key)
    return Said("dismissed", (key,))


async def bulk(tx: AsyncSession, request: web.Request) -> Said:
    """Take or close what was marked. An emergency is never closed among others, nor what somebody else has."""
    form = await request.post()
    keys = list(dict.fromkeys(plain(each) for each in form.getall("item", [])))[:MOST_AT_ONCE]
    wanted = words(form, "do")
    do = {"take": _take_marked, "close": _close_marked}.get(wanted)
    if not keys or do is None:
        return Said("nothing_marked")
    became, back = Counter[str](), list[str]()
    # In one order for everybody, so that two who mark the same lines wait for each other and do not lock each other out.
    for key in sorted(keys):
        what = await do(tx, request, key)
        became[what] += 1
        if what == "done" and not key.startswith("flag:"):
            back.append(key)
    code = f"bulk_{wanted}" + ("_some" if became["left"] else "")
    return Said(code, tuple(back), {"done": became["done"], "left": became["left"]})


async def undo(tx: AsyncSession, request: web.Request) -> Said:
    """Take back what was just done to these lines."""
    desk, seat = request.app[DESK], request[SEAT]
    undone = 0
    for key in sorted(set(request.query.getall("item", [])))[:MOST_AT_ONCE]:
        if key.startswith("errand:"):
            errand = await _errand(tx, request, _number(key))
            again = reopen_errand if errand.state in CLOSED else release_errand
            undone += await again(tx, errand, seat.staff, now=desk.clock())
        else:
            patient = await access_line(tx, seat.staff, key, now=desk.clock())
            seat.rights.check("care.act", patient.team_id)
            await bring_back(tx, key)
            undone += 1
    return Said("undone" if undone else "too_late")


async def _take_marked(tx: AsyncSession, request: web.Request, key: str) -> str:
    desk, seat = request.app[DESK], request[SEAT]
    if key.startswith("flag:"):
        flag, chat = await _alert(tx, request, _number(key))
        if flag.state not in ("raised", "delivered"):
            return "left"
        await deliver(tx, await alerts.claim(tx, flag, chat, seat.staff, desk.clock()))
        return "done"
    if key.startswith("errand:"):
        errand = await _errand(tx, request, _number(key))
        if errand.owner_id is not None:
            return "left"
        return "done" if await take_errand(tx, errand, seat.staff, now=desk.clock()) else "left"
    await access_line(tx, seat.staff, key, now=desk.clock())
    return "left"


async def _close_marked(tx: AsyncSession, request: web.Request, key: str) -> str:
    desk, seat = request.app[DESK], request[SEAT]
    if key.startswith("flag:"):
        flag, _ = await _alert(tx, request, _number(key))
        if flag.level == "emergency" or not alerts.is_theirs(flag, seat.staff):
            return "left"
        await deliver(tx, await alerts.close(tx, flag, seat.staff, desk.clock()))
        return "done"
    if key.startswith("errand:"):
        errand = await _errand(tx, request, _number(key))
        if errand.owner_id not in (None, seat.staff.id):
            return "left"
        return "done" if await close_errand(tx, errand, "done", by=seat.staff.userid, outcome=None, now=desk.clock()) else "left"
    return "done" if await _dismiss(tx, request, key) else "left"


async def _alert(tx: AsyncSession, request: web.Request, id: int) -> tuple[Flag, Chat | None]:
    return await alert_to_act_on(tx, request[SEAT], id, request.app[DESK].clock())


async def _errand(tx: AsyncSession, request: web.Request, id: int) -> Errand:
    seat = request[SEAT]
    errand = await access_errand(tx, seat.staff, id, now=request.app[DESK].clock(), why=WHY)
    seat.rights.check("care.act", errand.team_id)
    return errand


async def _dismiss(tx: AsyncSession, request: web.Request, key: str) -> bool:
    desk, seat = request.app[DESK], request[SEAT]
    patient = await access_line(tx, seat.staff, key, now=desk.clock())
    seat.rights.check("care.act", patient.team_id)
    return await deal_with(tx, seat.staff, patient, key, now=desk.clock())


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _number(key: str) -> int:
    id = number(key.partition(":")[2])
    if id is None:
        raise AccessRefused(f"line {key[:40]}")
    return id
