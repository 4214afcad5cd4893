"""A year of follow-ups in minutes: real processes, a moved clock, families who answer or do not, faults, and kill -9 in between.

    python -m tests.durability.year --days 365 --patients 200 --kills 50 --seed 1 [--minutes 60]

The worker is the product's, with a dialogue that costs nothing (year_worker.py). What came of it is judged from outside, by what the
simulated WeCom took and by a schedule reckoned anew for each plan (year_books.py).
"""

import argparse
import asyncio
import math
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import psycopg
from sqlalchemy import ARRAY, Text, bindparam, text

from bot.app import POSTGRES_FOLDER
from bot.clock import Clock
from bot.private import free_port
from plans.timeline import REFILL
from records.database import Database
from records.embedded import EmbeddedServer
from tests.durability.file_clock import MOVED, store_in
from tests.durability.hospital import ZONE
from tests.durability.processes import Forked, Program
from tests.durability.year_answers import Word, of_her_own, reply_to, wants_answer
from tests.durability.year_clinic import Clinic
from tests.durability.year_people import ACCOUNT, Household, plant_households, plant_team
from tests.durability.year_worker import RESUME, STOP
from tests.keys import KEYRING

if TYPE_CHECKING:
    from tests.durability.year_books import Books

FIRST_DAY = date(2026, 3, 2)
# Moments of a day at which something happens: the hours at which families are asked, those of reminders, and the end of the day.
MOMENTS = ((8, 1), (9, 1), (10, 1), (12, 1), (13, 6), (15, 1), (19, 1), (20, 1), (24, 5))
NIGHT = ((21, 30), (27, 0))
EVERY_NIGHT = 9
STOPS, RESUMES = 0.002, 0.1
# How likely a fault is in a round, and which: path, and what goes wrong.
FAULT = 0.25
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kf/send_msg", {"errcode": -1}),
    ("kf/send_msg", {"http_status": 502}),
    ("kf/send_msg", {"drop": True}),
    ("kf/send_msg", {"drop": True, "after": True}),
    ("kf/send_msg", {"errcode": 95001}),
    ("kf/send_msg", {"errcode": 95002}),
    ("kf/send_msg", {"errcode": 45009, "window": 60.0}),
    ("kf/sync_msg", {"errcode": -1}),
    ("kf/sync_msg", {"drop": True, "after": True}),
    ("message/send", {"drop": True, "after": True}),
)
PATIENCE = 120.0
# So long (s) nothing moves before the hospital's clock is moved on: what is left hangs on a moment of that. And how often we look (s): at
# once, and then more seldom, because a look costs as much as a message.
NUDGE = 4.0
LOOK, LOOK_LESS = 0.02, 0.25

_LEFT = text(
    """
    select (select count(*) from procrastinate_jobs where status in ('todo', 'doing')) as jobs,
        (select count(*) from inbound where state = 'new') as messages,
        (select count(*) from callback_event where handled_at is null) as callbacks,
        (select count(*) from outbound where state in ('queued', 'sending') and not_before <= :now
            and (lease_until is null or lease_until < :now) and error is distinct from 'window_closed') as rows,
        (select count(*) from kf_account where news_at is not null and (pulled_at is null or news_at > pulled_at)) as news,
        (select count(*) from task where state = 'scheduled' and next_at is null and due_at <= :now) as due,
        (select count(*) from task where next_at <= :now and closed_at is null and due_at <= :now) as looks,
        (select count(*) from care_plan join patient on patient.id = patient_id
            where state = 'active' and died_at is null and (planned_until is null or planned_until < :soon)) as to_plan,
        (select count(*) from unnest(:said) as one(msgid) where not exists (select from inbound where inbound.msgid = one.msgid)) as unheard
    """
).bindparams(bindparam("said", type_=ARRAY(Text)))


@dataclass
class Run:
    """The figures of a run, for people. `minutes`: when it begins no new day and opens the books; `lived`: the days that it came to.

    `processor`: what all its processes have used, in seconds, from the first day on.
    """

    days: int
    patients: int
    seed: int
    minutes: float = math.inf
    lived: int = 0
    kills: int = 0
    faults: int = 0
    rounds: int = 0
    said: int = 0
    injected: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    processor: float = 0.0


class Year:
    """The run. `plan` of kills: the numbers of the rounds in which the worker dies."""

    def __init__(
        self, db: Database, session: aiohttp.ClientSession, simulator: str, folder: Path, worker: Forked, run: Run, rng: Random
    ) -> None:
        self.db, self.run, self.worker, self.rng = db, run, worker, rng
        self._session, self._simulator, self._folder = session, simulator, folder
        self.clock, self.begun = Clock(), time.monotonic()
        self.households: list[Household] = []
        self.clinic = Clinic([], rng)
        self._serial = 0
        self._waiting: list[tuple[datetime, Household, Word]] = []
        self._said: list[str] = []

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        async with self._session.request(method, f"{self._simulator}/sim/{path}", json=body or None) as answer:
            assert answer.status < 300, f"{path}: {await answer.text()}"
            return await answer.json()

    async def move_to(self, moment: datetime) -> None:
        offset = moment - datetime.now(UTC)
        await self.control("POST", "clock", set=moment.isoformat())
        store_in(self._folder / "clock", offset)
        if self.worker.alive():
            os.kill(self.worker.pid, MOVED)
        self.clock.set(offset)

    async def pass_days(self, kills: set[int]) -> None:
        """All days, round by round."""
        spent = _processor(self._folder)
        for number in range(self.run.days):
            if time.monotonic() - self.begun > 60 * self.run.minutes:
                break
            self.run.lived += 1
            day = FIRST_DAY + timedelta(days=number)
            await self.move_to(_at(day, 7, 40))
            async with self.db.transaction() as tx:
                await self.clinic.morning(tx, number, self.clock())
                await self.clinic.attend(tx)
            await self._end_human_sessions()
            night = NIGHT if number % EVERY_NIGHT == 4 else ()
            self.run.processor = _processor(self._folder) - spent
            print(
                f"{time.monotonic() - self.begun:7.1f} s  {self.run.processor:7.1f} s of processor  {day}  {self.run.said} said"
                f"  {self.run.kills} kills",
                flush=True,
            )
            for hour, minute in sorted((*MOMENTS, *night)):
                await self._round(_at(day, hour, minute), hour, dies=self.run.rounds in kills)
                self.run.rounds += 1
        self.run.processor = _processor(self._folder) - spent

    async def _round(self, moment: datetime, hour: int, *, dies: bool) -> None:
        await self.move_to(moment)
        if self.rng.random() < FAULT:
            await self._fault()
        await self._families_write(moment, hour)
        if dies:
            await asyncio.sleep(self.rng.random() * 0.25)
            await self._kill()
        await self.settle()
        await self.control("DELETE", "faults")
        await self._read(moment)

    async def _kill(self) -> None:
        self.worker.kill()
        self.run.kills += 1
        # Its jobs are taken over when it has been silent for a quarter of a minute by the database's clock, which nobody can move.
        async with self.db.transaction() as tx:
            await tx.execute(text("update procrastinate_workers set last_heartbeat = last_heartbeat - interval '1 minute'"))
        self.worker.start()

    async def _fault(self) -> None:
        path, how = self.rng.choice(FAULTS)
        times = self.rng.randrange(1, 4)
        await self.control("POST", "faults", path=path, **how, **({} if "window" in how else {"times": times}))
        self.run.faults += 1
        if "errcode" in how:
            key = f"{path} {how['errcode']}"
            self.run.injected[key] = self.run.injected.get(key, 0) + 1

    async def _families_write(self, moment: datetime, hour: int) -> None:
        due = [each for each in self._waiting if each[0] <= moment]
        self._waiting = [each for each in self._waiting if each[0] > moment]
        for _, household, word in due:
            await self._say(household, word)
        if hour != 10:
            return
        for household in self.households:
            alive = any(kid.died is None for kid in household.kids)
            if household.stopped and alive and self.rng.random() < RESUMES:
                await self._say(household, Word(RESUME))
                household.stops[-1] = (household.stops[-1][0], self.clock())
            elif not household.stopped and alive and self.rng.random() < STOPS:
                await self._say(household, Word(STOP))
                household.stops.append((self.clock(), None))
            elif self.rng.random() < household.chats:
                await self._say(household, of_her_own(self.rng))

    async def _say(self, household: Household, word: Word) -> None:
        content = {"content": word.text} | ({"menu_id": word.menu_id} if word.menu_id else {})
        answer = await self.control("POST", f"chats/{ACCOUNT}/{household.user}/say", msgtype="text", text=content)
        self._said.append(answer["msgid"])
        self.run.said += 1

    async def _read(self, moment: datetime) -> None:
        """Families look at what came, and make up their minds."""
        news = await self.control("GET", f"ledger?after={self._serial}")
        self._serial = news["serial"]
        by_user = {household.user: household for household in self.households}
        last = {message["external_userid"]: message for message in news["messages"]}
        for user, message in last.items():
            household = by_user.get(user)
            if household is None or not wants_answer(message) or self.rng.random() >= household.answers:
                continue
            word = reply_to(message, self.rng)
            later = timedelta(minutes=self.rng.choice((5, 5, 5, 90, 600)))
            self._waiting.append((moment + later, household, word))

    async def _end_human_sessions(self) -> None:
        async with self.db.transaction() as tx:
            users = list(await tx.scalars(text("select external_userid from chat where service_state in (2, 3)")))
        for user in users:
            chat = await self.control("GET", f"chats/{ACCOUNT}/{user}")
            if chat["service_state"] == 3:
                await self.control("POST", f"chats/{ACCOUNT}/{user}/servicer", userid=chat["servicer_userid"], act="end")

    async def settle(self) -> None:
        """Until nothing is left to do at this moment."""
        moved = nudged = time.monotonic()
        quiet, pause, before = 0, LOOK, dict[str, int]()
        while quiet < 2:
            left = await self._left()
            quiet = 0 if any(left.values()) else quiet + 1
            pause = min(1.3 * pause, LOOK_LESS) if any(left.values()) else LOOK
            if not left["unheard"]:
                self._said.clear()
            now = time.monotonic()
            if left != before:
                moved = nudged = now
                before = left
            elif now - nudged > NUDGE:
                # What a dead sender left is taken up when its lease is over, what WeCom refused when its wait is.
                await self.move_to(self.clock() + timedelta(seconds=31))
                nudged = time.monotonic()
            assert now - moved < PATIENCE, f"never at rest on {self.clock():%F %T}: {left}\n{self.worker.tail()}"
            await asyncio.sleep(pause)

    async def _left(self) -> dict[str, int]:
        now = self.clock()
        soon = now.astimezone(ZONE).date() + REFILL
        async with self.db.transaction() as tx:
            row = (await tx.execute(_LEFT, {"now": now, "soon": soon, "said": self._said})).one()
        return dict(row._mapping)


def _at(day: date, hour: int, minute: int) -> datetime:
    """That moment of the hospital's day; hours of the next morning count on from 24."""
    return datetime.combine(day, clock_time(), ZONE) + timedelta(hours=hour, minutes=minute)


def _processor(folder: Path) -> float:
    """Seconds of processor that the processes of this run have used, those that have died among them."""
    postmaster = psutil.Process(int((folder / POSTGRES_FOLDER / "postmaster.pid").read_text().split("\n", 1)[0]))
    spent = 0.0
    for parent in (psutil.Process(), postmaster):
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                spent += used.user + used.system + used.children_user + used.children_system
    return spent


@asynccontextmanager
async def open_year(folder: Path, run: Run) -> AsyncIterator[Year]:
    """Everything started, on the first morning, with the families planted."""
    rng = Random(run.seed)
    simulator, gateway = free_port(), free_port()
    environment = {
        "CARELOOP_DATA_DIR": str(folder),
        "CARELOOP_PORT": str(gateway),
        "CARELOOP_WECOM__BASE_URL": f"http://127.0.0.1:{simulator}",
        "CARELOOP_LOG_LEVEL": "warning",
    }
    callback = f"http://127.0.0.1:{gateway}/wecom/callback"
    programs = [
        Program("simulator", ["integrations.wecom.simulator", "--port", str(simulator), "--callback", callback], environment, folder),
        Program("gateway", ["tests.durability.role", "gateway"], environment, folder),
    ]
    programs[0].start()
    server = EmbeddedServer(folder / POSTGRES_FOLDER)
    url = await asyncio.to_thread(server.ensure)
    with psycopg.connect(url, autocommit=True) as connection:
        # Only the worker dies here; nothing has to be waited for on disk.
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"alter system set {name} = off")
        connection.execute("select pg_reload_conf()")
    db = Database(url=url, pool_size=4, application="year", keyring=KEYRING)
    await db.open()
    worker = Forked("worker", environment, folder)
    try:
        async with aiohttp.ClientSession() as session:
            await db.migrate()
            year = Year(db, session, f"http://127.0.0.1:{simulator}", folder, worker, run, rng)
            await _until(session, f"http://127.0.0.1:{simulator}/sim/state")
            # A callback that comes before the gateway knows of the new hour is refused, and need not wait for a second.
            await year.control("POST", "config", callback_retry_delay=0.03)
            await year.move_to(_at(FIRST_DAY, 7, 0))
            async with db.transaction() as tx:
                team = await plant_team(tx)
                year.households = await plant_households(tx, team, run.patients, rng, today=FIRST_DAY, days=run.days)
            # Its own, so that what clinicians do does not hang on how much families say.
            year.clinic = Clinic(year.households, Random(run.seed))
            for household in year.households:
                await year.control("POST", "customers", nickname=household.user, external_userid=household.user)
            programs[1].start()
            await _until(session, f"http://127.0.0.1:{gateway}/healthz")
            worker.start()
            for household in year.households:
                await year._say(household, Word("你好"))
            await year.settle()
            yield year
    finally:
        await db.close()
        if worker.alive():
            worker.kill()
        for program in reversed(programs):
            program.stop()
        await asyncio.to_thread(server.stop)


async def _until(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def live(folder: Path, *, days: int, patients: int, kills: int, seed: int, minutes: float = math.inf) -> tuple[Run, "Books"]:
    """A whole run, and the books at its end."""
    from tests.durability.year_books import open_books

    run, begin = Run(days, patients, seed, minutes), time.monotonic()
    rounds = days * len(MOMENTS)
    dies = set(Random(seed).sample(range(rounds), kills)) if kills else set()
    async with open_year(folder, run) as year:
        await year.pass_days(dies)
        run.seconds = time.monotonic() - begin
        return run, await open_books(year)


def main() -> int:
    from tests.durability.year_books import figures, findings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("days", 365), ("patients", 200), ("kills", 50), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no new day after so long, and open the books")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="careloop-year-", ignore_cleanup_errors=True) as folder:
        run, books = asyncio.run(live(Path(folder), **vars(asked)))
    wrong = list(findings(books))
    print(run)
    print(figures(books))
    print("\n".join(wrong[:60]) or "no findings")
    print(f"{len(wrong)} findings in {run.seconds:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
