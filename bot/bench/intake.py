"""How fast HL7 messages are read, stored and acknowledged by a real listener over eight connections, and applied."""

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select

from bot.apply import apply, apply_all
from bot.bench import hl7
from bot.bench.processes import BenchError, Child, child, database_cpu_seconds, run_to_the_end, until
from bot.bench.report import Result, percentiles, result
from bot.intake.applying import FeedApplier, lanes_to_apply
from bot.intake.readers import VERSION, read_message
from bot.logs import configure
from bot.private import free_port, keys_of, throw_away_database
from integrations.hl7.mllp import END, frame
from records.database import Database
from records.feed import FeedMessage
from records.staff import Team

CONNECTIONS, IN_FLIGHT = 8, 16
STORED_PER_S, APPLIED_PER_S = 1500.0, 300.0
PATIENTS, RESULTS = 400, 8
STARTS_WITHIN, APPLIES_FOR = 60.0, 40.0
ZONE = ZoneInfo("Asia/Shanghai")
FAMILIES, GIVEN = "王李张刘陈杨黄赵吴周", "安宁乐欣悦然可心一诺"
HEAD = "MSH|^~\\&|LIS|HOSP|CARELOOP|HOSP|20260302{time}||{kind}|{id}|P|2.5.1||||||UNICODE UTF-8"


def run(file: Path | None = None, *, messages: int = 6000, alone: int = 1200, seconds: float = hl7.SECONDS) -> Result:
    """Read as `hl7.run` does, for three times `seconds`. Then send `messages` with up to IN_FLIGHT unanswered on each connection, as
    interface engines send a backlog, and `alone` with one, as the standard has it; then apply for APPLIES_FOR seconds, or until all is
    done. Raises BenchError."""
    # What applying logs must not stand among the figures.
    configure("error", role="bench")
    read = hl7.run(file, seconds)
    figures, meets = run_to_the_end(_run(messages, alone))
    return result("hl7", read["figures"] | figures, read["meets"] | meets)


async def _run(messages: int, alone: int) -> tuple[dict[str, Any], dict[str, bool]]:
    async with throw_away_database(pool_size=8) as db:
        async with db.transaction() as tx:
            tx.add(Team(name="随访组"))
        port = free_port()
        folder = Path(db.embedded.folder).parent if db.embedded is not None else Path()
        environment = {
            "CARELOOP_DATABASE_URL": db.url, "CARELOOP_KEYRING": keys_of(db),
            "CARELOOP_DATA_DIR": str(folder / "data"), "CARELOOP_LOG_LEVEL": "warning",
            "CARELOOP_INTAKE__MLLP_PORT": str(port),
        }  # fmt: skip
        with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
            async with child("intake", "bot", "intake", folder=folder, env=environment) as listener:
                await until(lambda: _listens(port), listener, patience=STARTS_WITHIN)
                bar = progress.add_task("warming up", total=None)
                await _send(port, _everybody("w", 160), IN_FLIGHT)
                progress.update(bar, description="stored, many in flight")
                before, began = _cpu(listener, db), time.perf_counter()
                await _send(port, _everybody("m", messages), IN_FLIGHT)
                many = messages / (time.perf_counter() - began)
                spent = [1000 * (after - then) / messages for after, then in zip(_cpu(listener, db), before, strict=True)]
                progress.update(bar, description="stored, one in flight")
                began = time.perf_counter()
                took = await _send(port, _everybody("a", alone), 1)
                one = alone / (time.perf_counter() - began)
                rss = listener.rss_mb()
            progress.update(bar, description="applied")
            applied = await _apply(db)
    figures = {
        "connections": CONNECTIONS,
        "stored_per_s": round(many, 1),
        "stored_one_in_flight_per_s": round(one, 1),
        **percentiles(took, "acknowledged", 0.5, 0.99),
        "listener_cpu_ms_per_message": round(spent[0], 3),
        "database_cpu_ms_per_message": round(spent[1], 3),
        "listener_rss_mb": rss,
        **applied,
        "load_average": round(os.getloadavg()[0], 1),
    }
    meets = {
        "stored_at_least_1500_a_second": many >= STORED_PER_S,
        "applied_at_least_300_a_second": applied["applied_per_s"] >= APPLIED_PER_S,
    }
    return figures, meets


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _cpu(listener: Child, db: Database) -> tuple[float, float]:
    """Processor time so far of the listener and of the database's processes, in seconds."""
    return listener.cpu_seconds(), database_cpu_seconds(db)


def _everybody(batch: str, count: int) -> list[list[bytes]]:
    """For each connection its messages, framed."""
    return [[frame(message(f"{batch}{k}x{n}", n * CONNECTIONS + k)) for n in range(count // CONNECTIONS)] for k in range(CONNECTIONS)]


def message(control_id: str, number: int, patients: int = PATIENTS) -> bytes:
    """An invented child's message, one of `patients`: its admission first, then reports with RESULTS results, one in ten an update."""
    rng, who = Random(number), number % patients  # noqa: S311 - contents, not secrets
    round_ = number // patients
    kind = "ADT^A01^ADT_A01" if round_ == 0 else "ADT^A08^ADT_A01" if round_ % 10 == 9 else "ORU^R01^ORU_R01"
    time_ = f"{8 + round_ % 12:02d}{number % 60:02d}00"
    name = f"{FAMILIES[who % 10]}{GIVEN[who // 10 % 10]}{GIVEN[who // 100 % 10]}"
    lines = [
        HEAD.format(time=time_, kind=kind, id=control_id),
        f"PID|1||B{who:06d}^^^HIS^MR||{name}||2025{1 + who % 12:02d}{1 + who % 28:02d}|{'MF'[who % 2]}",
        f"PV1|1|I|儿科^1^{who % 40}{'|' * 16}V{who:06d}{'|' * 25}20260301080000",
    ]
    if kind.startswith("ORU"):
        lines.append(f"OBR|1||R{control_id}|CBC^血常规^99LIS|||20260302{time_}")
        lines += [
            f"OBX|{n}|NM|C{n}^项目{n}^99LIS||{rng.uniform(1, 20):.1f}|10*9/L|4-10|N|||F|||20260302{time_}" for n in range(1, RESULTS + 1)
        ]
    return ("\r".join(lines) + "\r").encode()


async def _send(port: int, everybody: list[list[bytes]], in_flight: int) -> list[float]:
    """All messages over a connection each; the seconds that each answer took. Raises BenchError for one that is not AA."""
    took: list[float] = []

    async def send(mine: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(0, len(mine), in_flight):
            burst = mine[at : at + in_flight]
            began = time.perf_counter()
            writer.write(b"".join(burst))
            for _ in burst:
                answer = await reader.readuntil(END)
                if b"MSA|AA" not in answer:
                    raise BenchError(f"The listener answered {answer[-60:]!r}.")
                took.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(send(mine) for mine in everybody))
    return took


async def _apply(db: Database) -> dict[str, float]:
    """Apply what was stored, as a worker does, for APPLIES_FOR seconds at most."""
    applier = FeedApplier(db, lambda: datetime.now(UTC), ZONE, read=read_message, apply=apply, apply_all=apply_all, version=VERSION)
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < APPLIES_FOR:
        async with db.transaction() as tx:
            jobs = await lanes_to_apply(tx, datetime.now(UTC))
        if not jobs:
            break
        await asyncio.gather(*(applier.run(job.key) for job in jobs))
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    async with db.transaction() as tx:
        states = {state: count for state, count in await tx.execute(select(FeedMessage.state, func.count()).group_by(FeedMessage.state))}
    done = states.get("applied", 0)
    if done < sum(states.values()) - states.get("new", 0):
        raise BenchError(f"Of the messages some were not applied: {states}.")
    return {
        "applied": done,
        "applied_per_s": round(done / seconds, 1),
        "applying_cpu_ms_per_message": round(1000 * spent / max(done, 1), 2),
    }
