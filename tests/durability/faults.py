"""What is done to the hospital of spread.py. Each fault mends itself: when it returns, whoever was hurt has what he needs to recover."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import psutil
import psycopg

from bot.app import POSTGRES_FOLDER, wecom_access
from bot.jobs import URGENT, Job, defer
from bot.settings import Settings
from integrations.wecom.callback import Callback
from integrations.wecom.signed import signature
from tests.durability.processes import Program
from tests.durability.wire import Wire
from tests.durability.year import FAULTS as REFUSALS

if TYPE_CHECKING:
    from tests.durability.spread import Torture

# Everything that a process may be asked to do, with keys that say nothing.
JOBS = ("pull", "drain", "deliver", "escalate", "callback_event", "media", "run_task", "run_families", "apply_feed", "picture")
KEYS = ("", "不是数字", "999999999", "-1", "1; drop table inbound", "chat:x", "chat:999999999", "9" * 40)
WORDS = (
    "\u0000你好\u0000",
    "\ud83d",
    "咳" * 3000,
    "{{7*7}}${jndi:ldap://x}",
    "\u202e反过来",
    "<xml><![CDATA[x]]></xml>",
    "1" * 400,
    "%s%n{0}",
)
EVENTS = ("kf_msg_or_event", "change_contact", "template_card_event", "no_such_event", "")


@dataclass(frozen=True)
class Fault:
    """`what` goes wrong, and how: its `kind`. Two that hurt the same are not done at once."""

    kind: str
    what: str
    do: Callable[["Torture"], Awaitable[None]]


def catalogue(t: "Torture") -> Iterator[Fault]:
    """Everything that can go wrong here."""
    for program in t.programs.values():
        if program.name != "simulator":
            yield Fault("killed", program.name, partial(killed, program=program))
            yield Fault("stopped", program.name, partial(stopped, program=program))
        yield Fault("paused", program.name, partial(paused, program=program))
    for wire in t.wires.values():
        yield Fault("cut", wire.name, partial(cut, wire=wire))
        yield Fault("silent", wire.name, partial(silent, wire=wire))
    yield Fault("killed", "both workers", both_killed)
    database = {
        "killed": database_killed,
        "paused": database_paused,
        "restarted": restarted,
        "read-only": read_only,
        "disconnected": hung_up,
    }
    for kind, do in database.items():
        yield Fault(kind, "database", do)
    for name, disk in t.disks.items():
        yield Fault("disk full", name, partial(full, disk=disk))
    if not t.all_day:
        yield Fault("clock", "hour", hour_passes)
    yield Fault("clock", "all clocks", clocks_jump)
    yield Fault("clock", "one clock", clock_differs)
    wecom = {"refusing": refusing, "down": down, "token": token, "callbacks": callbacks, "flood": flood}
    for kind, do in wecom.items():
        yield Fault("WeCom: " + kind, "WeCom", do)
    yield Fault("poisoned", "jobs", poisoned_jobs)
    yield Fault("poisoned", "callbacks", poisoned_callbacks)
    yield Fault("poisoned", "messages", poisoned_messages)
    yield Fault("poisoned", "hospital data", poisoned_data)
    yield Fault("half-written", "uploads", half_written)


# --- processes ---


async def killed(t: "Torture", program: Program) -> None:
    async with t.hands[program.name]:
        await t.found(program)
        program.kill()
        await t.moment(0, 3)
        program.start()


async def both_killed(t: "Torture") -> None:
    await asyncio.gather(*(killed(t, worker) for worker in t.workers))


async def stopped(t: "Torture", program: Program) -> None:
    """As in a rolling upgrade."""
    async with t.hands[program.name]:
        await t.found(program)
        if not await asyncio.to_thread(program.stop):
            t.wrong.append(f"DID NOT END WHEN ASKED: {program.name}\n{program.tail()}")
        program.start()


async def paused(t: "Torture", program: Program) -> None:
    await t.found(program)
    program.pause()
    try:
        await t.moment(1, 20 if program.name.startswith("worker") else 6)
    finally:
        program.go_on()


# --- network ---


async def cut(t: "Torture", wire: Wire) -> None:
    wire.cut()
    try:
        await t.moment(0, 5)
    finally:
        wire.mend()


async def silent(t: "Torture", wire: Wire) -> None:
    """And then, one time in two, those who waited learn that nobody is there."""
    wire.silence()
    try:
        await t.moment(1, 10)
        if t.rng.random() < 0.5:
            wire.cut()
    finally:
        wire.mend()


# --- database ---


def postmaster(t: "Torture") -> list[psutil.Process]:
    first = psutil.Process(int((t.folder / POSTGRES_FOLDER / "postmaster.pid").read_text().split("\n", 1)[0]))
    return [first, *first.children(recursive=True)]


async def database_killed(t: "Torture") -> None:
    """The postmaster with all its children, or one child, after which it ends all others itself."""
    await t.database_there()
    if t.rng.random() < 0.7:
        t.kill_database()
        return
    with suppress(psutil.NoSuchProcess):
        t.rng.choice(postmaster(t)[1:]).kill()


async def database_paused(t: "Torture") -> None:
    await t.database_there()
    family = postmaster(t)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    await t.moment(1, 6)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.resume()


async def restarted(t: "Torture") -> None:
    await t.database_there()
    await asyncio.to_thread(t.server.stop)
    await t.moment(0, 2)
    await asyncio.to_thread(t.server.ensure)


async def hung_up(t: "Torture") -> None:
    """The server ends all connections, as when a pooler in front of it is started anew."""
    await _tell_database(t, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null")


async def read_only(t: "Torture") -> None:
    """As a standby is, to which the connections went too early."""
    await _tell_database(t, "alter system set default_transaction_read_only = on", "select pg_reload_conf()")
    await t.moment(2, 8)
    await _tell_database(t, "alter system reset default_transaction_read_only", "select pg_reload_conf()")


async def _tell_database(t: "Torture", *statements: str) -> None:
    while True:
        await t.database_there()
        with suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(t.db.url, autocommit=True, connect_timeout=5) as connection:
                for statement in statements:
                    await connection.execute(statement)
                return
        await asyncio.sleep(0.2)


# --- disks ---


async def full(t: "Torture", disk: Path) -> None:
    """A file takes all that is left."""
    filler = disk / "filler"
    await asyncio.to_thread(_fill, filler)
    await t.moment(2, 8)
    filler.unlink()


def _fill(file: Path) -> None:
    with file.open("wb") as out:
        size, end = 64 << 20, 0
        while size >= 4096:
            try:
                os.posix_fallocate(out.fileno(), end, size)
                end += size
            except OSError:
                size //= 2


# --- clocks ---


async def hour_passes(t: "Torture") -> None:
    """For everybody: nurses finish what they have in hand, and the next follow-ups may go out."""
    # WeCom's clock is never wrong: while ours are, it is not set by them.
    async with t.hands["all clocks"]:
        await t.an_hour_passes()


async def clocks_jump(t: "Torture") -> None:
    """All our clocks are wrong for a while, and set right again."""
    by = timedelta(seconds=t.rng.choice((-20, -10, 10, 30, 240)))
    async with t.hands["all clocks"]:
        t.doubt = max(t.doubt, abs(by))
        await t.set_clock(t.clock.offset + by)
        await t.moment(1, 5)
        await t.set_clock(t.clock.offset - by)


async def clock_differs(t: "Torture") -> None:
    """One machine's clock is off."""
    name, by = t.rng.choice([*t.clocks]), timedelta(seconds=t.rng.choice((-50, -20, 20, 50)))
    t.doubt = max(t.doubt, abs(by))
    t.set_one(name, by)
    await t.moment(2, 8)
    t.set_one(name, timedelta())


# --- WeCom ---


async def refusing(t: "Torture") -> None:
    """Some calls fail, in each of the ways that calls fail."""
    for path, how in t.rng.sample(REFUSALS, 3):
        order = how | ({"window": 8.0} if "window" in how else {"times": t.rng.randint(1, 4)})
        await t.control("POST", "faults", path=path, **order)
        if "errcode" in how:
            t.injected.add(f"{path} {how['errcode']}")
    await t.moment(1, 5)
    await t.control("DELETE", "faults")


async def down(t: "Torture") -> None:
    """Nothing answers, or everything answers with an error."""
    how = t.rng.choice(({"http_status": 502}, {"drop": True}, {"errcode": -1}, {"delay": 7.0, "drop": True}))
    await t.control("POST", "faults", path="*", times=None, **how)
    await t.moment(3, t.longest_down)
    await t.control("DELETE", "faults")


async def token(t: "Torture") -> None:
    """The access token is taken back, and for a while there is no other."""
    await t.control("POST", "faults", path="gettoken", times=None, **t.rng.choice(({"http_status": 503}, {"errcode": -1})))
    await t.control("POST", "tokens/revoke")
    await t.moment(2, 8)
    await t.control("DELETE", "faults")


async def callbacks(t: "Torture") -> None:
    """Some get lost, others come twice or out of turn."""
    await t.control("POST", "callback", lose=t.rng.randint(1, 5), duplicate=t.rng.randint(0, 3), reorder=True)
    await t.moment(2, 6)
    await t.control("POST", "callback", lose=0, duplicate=0, reorder=False)


async def flood(t: "Torture") -> None:
    """Callbacks are held back while families write, then all come at once, each of them many times."""
    await t.control("POST", "callback", hold=True, duplicate=20)
    await t.moment(2, 6)
    await t.control("POST", "callback", hold=False, duplicate=0)


# --- poison ---


async def poisoned_jobs(t: "Torture") -> None:
    keys = [(t.rng.choice(JOBS), t.rng.choice(KEYS)) for _ in range(12)]
    await t.ask(lambda tx: defer(tx, [Job(name, key, lock=key) for name, key in keys], priority=URGENT))


async def poisoned_callbacks(t: "Torture") -> None:
    """Junk, a forged one, one too large, and well-signed ones that say nothing that we know."""
    access = wecom_access(Settings())
    seal = Callback(access.callback_token, access.callback_aes_key, access.corp_id)
    junk: list[tuple[dict[str, str], bytes]] = [({"msg_signature": "0", "timestamp": "0", "nonce": "0"}, b"<xml>" * 9)]
    bodies = [*junk, ({}, b""), ({}, b"x" * (2 << 20))]
    for event in EVENTS:
        said = f"<xml><ToUserName>x</ToUserName><Event>{event}</Event><OpenKfId>{t.rng.choice(KEYS)}</OpenKfId><Token>\u00e9</Token></xml>"
        sealed, nonce, stamp = seal.encrypt(said), str(t.rng.randrange(10**9)), str(int(t.clock().timestamp()))
        query = {"msg_signature": signature(access.callback_token, stamp, nonce, sealed), "timestamp": stamp, "nonce": nonce}
        bodies.append((query, f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()))
    for query, body in bodies:
        # Whoever takes it may be dead.
        with suppress(aiohttp.ClientError, TimeoutError):
            async with t.session.post(t.public + "/wecom/callback", params=query, data=body, timeout=aiohttp.ClientTimeout(total=5)):
                pass


async def poisoned_messages(t: "Torture") -> None:
    """What families can really write."""
    for words in t.rng.sample(WORDS, 3):
        await t.rng.choice(t.everybody).says(t, words)
    family = t.rng.choice(t.everybody)
    for msgtype, body in (
        ("location", {"latitude": 1e308, "longitude": -1, "name": "\u0000", "address": ""}),
        ("link", {"title": "", "url": "javascript:1"}),
    ):
        await family.sends(t, msgtype, body)


async def poisoned_data(t: "Torture") -> None:
    """What no interface should send; what of it is taken is set aside when it cannot be applied."""
    for body in (b"", b"MSH|^~\\&|", b"\x0b\x1c\r", b"MSH|^~\\&|LIS|HOSP|C|H|20260302||ORU^R01|x|P|2.5.1\rPID|1||\xff\xfe\rOBX|x\r"):
        with suppress(aiohttp.ClientError, TimeoutError):
            async with t.session.post(t.intake_url, data=body, headers=t.intake_headers, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                await answer.read()


async def half_written(t: "Torture") -> None:
    """Requests whose sender goes away, or falls silent, in their middle."""
    paths = [(t.ports["edge"], "/wecom/callback"), (t.ports["gateway"], "/wecom/callback"), (t.ports["web"], "/intake/lis")]
    open_ends = []
    for port, path in paths:
        for body in (b"", b"<xml><Encrypt>abc", b"MSH|^~\\&|LIS|"):
            lines = [
                f"POST {path} HTTP/1.1",
                "Host: x",
                "Content-Length: 5000",
                *(f"{name}: {value}" for name, value in t.intake_headers.items()),
            ]
            head = "\r\n".join([*lines, "", ""])
            with suppress(OSError):
                end = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), 2)
                end.sendall(head.encode() + body)
                open_ends.append(end)
    await t.moment(1, 4)
    for end in open_ends:
        # Half of them politely, half by a reset.
        if t.rng.random() < 0.5:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        end.close()
