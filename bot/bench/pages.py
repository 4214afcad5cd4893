"""What the console's pages cost with a large hospital behind them: the server's answer, and the first paint in a browser."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from sqlalchemy import func, select

from bot.bench.listening import CONSOLES, idle_cost
from bot.bench.people import plant_synthetic
from bot.bench.processes import BenchError, run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.private import throw_away_database
from console.admin.minors_audit import MINORS_KEPT
from console.app import ROUTES, console_app
from console.counted import COUNTS
from console.desk import BASE, Desk
from console.reports.kept import REPORTS_KEPT
from console.session import begin_session
from console.shelf import Shelf
from console.sign_in import COOKIE
from console.static_files import add_static
from records.chat import Chat
from records.database import Database
from records.patient import Patient, PatientCarer
from records.role import Role, StaffRole
from records.staff import Staff, Team, TeamMember

SIZES = (10_000, 1_000_000)
GOAL_SIZE, ANSWER_MS, PAINT_MS, IDLE = 1_000_000, 150.0, 1000.0, 10.0
ZONE = ZoneInfo("Asia/Shanghai")
TIMES, WARM, PATIENTS = 12, 1, 6
# Reports of a million patients are counted beside the pages, one after the other (s).
PATIENCE = 3600.0
# What runs on and on, or sends the browser elsewhere, is no page.
NOT_PAGES = frozenset({"/live", "/sign-in", "/sign-in/wecom", "/sign-in/wecom/back", "/sign-in/wecom/qr"})
PAINTED = ("/work", "/inbox", "/patients", "/cohorts", "/plans")
# A page may be loaded before its first paint is on record.
_PAINT = """new Promise((done) => new PerformanceObserver((list) => {
    const [first] = list.getEntriesByName("first-contentful-paint");
    if (first) done(first.startTime);
}).observe({ type: "paint", buffered: true }))"""


@dataclass(frozen=True)
class Pages:
    """The running console, and the cookies of who looks: a nurse of one team, somebody of all teams with every right, and listeners."""

    origin: str
    nurse: str
    chief: str
    # A patient's number in the tables with his name, of the nurse's team, and a chat of one where there is one.
    patients: Sequence[tuple[int, str]]
    chats: Sequence[int]
    listeners: Sequence[str]
    # What is worked out beside the pages: reports and counts.
    shelves: Sequence[Shelf[Any]]


def run(sizes: Sequence[int] = SIZES) -> Result:
    """Seed a synthetic hospital of each size in a throw-away database, and open the console's pages there.

    Raises SeedRefused where the disk is too small (a million patients need 14 GB), BenchError where a page fails.
    """
    return run_to_the_end(_run(sizes))


async def _run(sizes: Sequence[int]) -> Result:
    figures: dict[str, object] = {}
    meets: dict[str, bool] = {}
    for size in sorted(sizes):
        async with throw_away_database(pool_size=4) as db:
            await plant_synthetic(db, size, datetime.now(UTC), ZONE)
            found = await measure(db)
        figures |= {f"{name}_{size}": value for name, value in found.items()}
        meets["200_idle_consoles_under_10_percent"] = float(str(found["idle_consoles_percent_of_core"])) < IDLE
        if size == GOAL_SIZE:
            meets["answer_p95_under_150_ms"] = float(str(found["answer_p95_ms"])) < ANSWER_MS
            if "first_paint_slowest_ms" in found:
                meets["first_paint_under_1_s"] = float(str(found["first_paint_slowest_ms"])) < PAINT_MS
    return result("pages", figures, meets)


async def measure(db: Database, *, times: int = TIMES) -> dict[str, object]:
    """Answers of all pages in ms, warm, as a browser on the same machine gets them; and first paints where Chromium is installed."""
    async with _running(db) as pages:
        seconds: dict[str, list[float]] = {}
        for name, token, path in _visits(pages):
            seconds.setdefault(name, []).extend(await _answers(pages.origin, token, path, times))
        paints = await _paints(pages)
        beside = await _worked_out(pages.shelves)
        listening = [f"{COOKIE}={token}" for token in pages.listeners]
        idle = await idle_cost(db, f"{pages.origin}{BASE}/live?topics=work,inbox,waiting", listening)
    seconds = {name: each for name, each in seconds.items() if each}
    every = [one for each in seconds.values() for one in each]
    typical = sorted(((median(each), name) for name, each in seconds.items()), reverse=True)
    found: dict[str, object] = {"pages": len(seconds), **percentiles(every, "answer", 0.5, 0.95, 0.99)}
    found["reports_worked_out_beside_pages_s"] = round(beside, 1)
    found["idle_consoles_percent_of_core"] = round(idle, 1)
    found |= {f"slowest_{place}": f"{name} {1000 * took:.0f} ms" for place, (took, name) in enumerate(typical[:8], 1)}
    if paints:
        found |= {"first_paint_median_ms": round(median(paints.values())), "first_paint_slowest_ms": round(max(paints.values()))}
    return found


async def _worked_out(shelves: Sequence[Shelf[Any]]) -> float:
    """Wait until nothing is worked out any more; how many seconds that took. Raises BenchError after PATIENCE."""
    begin = time.perf_counter()
    while any(shelf.busy for shelf in shelves):
        if time.perf_counter() - begin > PATIENCE:
            raise BenchError(f"Reports are still being worked out after {PATIENCE:.0f} s.")
        await asyncio.sleep(0.5)
    return time.perf_counter() - begin


def _visits(pages: Pages) -> Iterator[tuple[str, str, str]]:
    """What is opened: a page's name, whose cookie, and the address."""
    plain = sorted({route.path for route in ROUTES if route.method == "GET" and "{" not in route.path} - NOT_PAGES)
    for who, token in (("nurse", pages.nurse), ("chief", pages.chief)):
        yield from ((f"{who} {path}", token, path) for path in plain)
        for path in ("/patients?q=王", "/patients?q=合成", "/patients?q=1380", "/inbox?q=王"):
            yield f"{who} {path}", token, path
        yield from ((f"{who} inbox/chat", token, f"/inbox/{chat}") for chat in pages.chats)
        for patient, name in pages.patients:
            yield f"{who} search by name", token, f"/patients?q={name}"
            for part in ("", "/timeline", "/trends", "/tags", "/plans", "/record"):
                yield f"{who} patient{part}", token, f"/patients/{patient}{part}"


async def _answers(origin: str, token: str, path: str, times: int) -> list[float]:
    """Seconds for the page from the request to its last byte; none for what this person may not open or what is not there."""
    took = []
    async with aiohttp.ClientSession(cookies={COOKIE: token}, headers={"Accept": "text/html"}) as http:
        for number in range(WARM + times):
            begin = time.perf_counter()
            async with http.get(f"{origin}{BASE}{path}", allow_redirects=False) as answer:
                await answer.read()
            if answer.status >= 500:
                raise BenchError(f"{path} answered {answer.status}")
            if answer.status != 200:
                return []
            if number >= WARM:
                took.append(time.perf_counter() - begin)
    return took


@asynccontextmanager
async def _running(db: Database) -> AsyncIterator[Pages]:
    now = datetime.now(UTC)
    async with db.transaction() as tx:
        team = (await tx.scalars(select(Patient.team_id).group_by(Patient.team_id).order_by(func.count().desc()).limit(1))).one()
        tokens = dict[str, str]()
        for userid in ("bench-nurse", "bench-chief"):
            staff = Staff(userid=userid, name="量速", title="量速")
            tx.add(staff)
            await tx.flush()
            teams = [team] if userid == "bench-nurse" else list(await tx.scalars(select(Team.id)))
            tx.add_all(TeamMember(team_id=each, staff_id=staff.id) for each in teams)
            if userid == "bench-chief":
                tx.add_all(StaffRole(staff_id=staff.id, role_id=role, team_id=None) for role in await tx.scalars(select(Role.id)))
            tokens[userid] = await begin_session(tx, staff, "password", "bench", now)
            if userid == "bench-nurse":
                listeners = [await begin_session(tx, staff, "password", "bench", now) for _ in range(CONSOLES)]
        of_team = select(Patient.id, Patient.name).where(Patient.team_id == team).order_by(Patient.id.desc()).limit(PATIENTS)
        patients = [(id, name) for id, name in await tx.execute(of_team)]
        family = select(PatientCarer.carer_id).join(Patient, Patient.id == PatientCarer.patient_id).where(Patient.team_id == team)
        chats = list(await tx.scalars(select(Chat.id).where(Chat.carer_id.in_(family)).order_by(Chat.id.desc()).limit(PATIENTS)))
    app = web.Application()
    console = console_app(Desk(db, lambda: datetime.now(UTC), ZONE, "合成医院", secure=False))
    app.add_subapp(BASE, console)
    add_static(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        shelves = (console[REPORTS_KEPT], console[MINORS_KEPT], console[COUNTS])
        yield Pages(origin, tokens["bench-nurse"], tokens["bench-chief"], patients, chats, listeners, shelves)
    finally:
        await runner.cleanup()


async def _paints(pages: Pages) -> Mapping[str, float]:
    """The first contentful paint in ms of some pages, the second time they are opened; nothing without Chromium and Playwright."""
    chromium = shutil.which("chromium")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    found = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        await context.add_cookies([{"name": COOKIE, "value": pages.chief, "url": pages.origin}])
        page = await context.new_page()
        for path in PAINTED:
            for _ in range(2):
                await page.goto(f"{pages.origin}{BASE}{path}")
            found[path] = float(await page.evaluate(_PAINT))
        await browser.close()
    return found
