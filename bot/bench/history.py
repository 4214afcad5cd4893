"""Whether a turn costs more the longer a family has been writing: chats with 10 and with 10,000 earlier messages, in turn.

What counts is processor time, of this process and of the database, because it hardly depends on who else is at work on the machine.
"""

import asyncio
import time
from datetime import timedelta
from statistics import median

from rich.console import Console
from rich.progress import track
from sqlalchemy import text

from bot.bench.load import Said, conversations
from bot.bench.ours import Ours
from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import ROOT, run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.private import throw_away_database
from records.chat import Chat
from records.patient import patients_of

SHORT, LONG = 10, 10_000
GOAL = 1.1
# Turns on end in one chat before the other has its own: the database's processor time is told in hundredths of a second.
BLOCK = 15
# Each message stands with its answer and a temperature, three hours before the next.
_MESSAGES = """
insert into inbound (chat_id, msgid, origin, msgtype, text, body, sent_at, received_at, state, attempts, outcome)
select :chat, 'old' || :chat || '-' || n, 3, 'text', '体温36.7度', '{}', at, at, 'done', 0, '{}'
from generate_series(1, :count) n, lateral (select cast(:now as timestamptz) - n * interval '3 hours') past (at)
"""
_ANSWERS = """
insert into outbound (key, line, chat_id, route, payload, purpose, state, not_before, attempts, response, created_at)
select 'reply:old' || :chat || '-' || n, 'chat:' || :chat, :chat, 'kf', '{}', 'reply', 'sent', at, 1, '{}', at
from generate_series(1, :count) n, lateral (select cast(:now as timestamptz) - n * interval '3 hours') past (at)
"""
_TEMPERATURES = """
insert into observation (patient_id, code, value, unit, text, status, effective_at, said_at, recorded_at, detail)
select :patient, 'temperature', 36.7, 'Cel', '36.7度', 'final', at, '{}', at, '{}'
from generate_series(1, :count) n, lateral (select cast(:now as timestamptz) - n * interval '3 hours') past (at)
"""


def run(*, pairs: int = 6, turns: int = 60) -> Result:
    """Take `turns` turns in each of `pairs` pairs of chats, one after the other, alternating. Raises BenchError."""
    return run_to_the_end(_run(pairs, turns))


async def _run(pairs: int, turns: int) -> Result:
    from bot.dialogue.train import train

    model = await asyncio.to_thread(train, ROOT, ROOT / "models")
    async with throw_away_database(pool_size=4) as db:
        async with db.transaction() as tx:
            await plant_team(tx, ["wkBench"])
        ours = await Ours.load(model, db)
        async with db.transaction() as tx:
            chats = await plant_chats(tx, 2 * pairs, prefix="wmPast", now=ours.clock(), zone=ours.zone)
        for number, chat in enumerate(chats):
            await _plant_past(ours, chat, LONG if number % 2 else SHORT)
        async with db.transaction() as tx:
            await tx.execute(text("analyze"))
        talk = conversations(pairs, turns, seed=3)
        await _take(ours, chats[:2], talk[0][:20], {}, {})
        seconds: dict[int, list[float]] = {SHORT: [], LONG: []}
        cpu: dict[int, float] = {SHORT: 0.0, LONG: 0.0}
        for pair in track(range(pairs), "taking turns", console=Console(stderr=True), transient=True):
            await _take(ours, chats[2 * pair : 2 * pair + 2], talk[pair], seconds, cpu)
    ratio = round(cpu[LONG] / cpu[SHORT], 3)
    figures = {
        "long_to_short_cpu_ratio": ratio,
        "long_to_short_ratio": round(median(seconds[LONG]) / median(seconds[SHORT]), 3),
        f"after_{SHORT}_cpu_ms": round(1000 * cpu[SHORT] / len(seconds[SHORT]), 2),
        f"after_{LONG}_cpu_ms": round(1000 * cpu[LONG] / len(seconds[LONG]), 2),
        **percentiles(seconds[SHORT], f"after_{SHORT}", 0.5, 0.95),
        **percentiles(seconds[LONG], f"after_{LONG}", 0.5, 0.95),
        "turns_each": len(seconds[LONG]),
    }
    return result("history", figures, {"within_10_percent": ratio <= GOAL})


async def _take(ours: Ours, chats: list[int], said: list[Said], seconds: dict[int, list[float]], cpu: dict[int, float]) -> None:
    """The same messages in the short and in the long chat, block by block, the order changing with each."""
    short, long = chats
    for number, block in enumerate(said[first : first + BLOCK] for first in range(0, len(said), BLOCK)):
        for length, chat in ((SHORT, short), (LONG, long))[:: 1 if number % 2 else -1]:
            before = ours.cpu_seconds()
            for one in block:
                begin = time.perf_counter()
                await ours.turn(chat, one.text)
                seconds.setdefault(length, []).append(time.perf_counter() - begin)
            cpu[length] = cpu.get(length, 0.0) + ours.cpu_seconds() - before


async def _plant_past(ours: Ours, chat: int, count: int) -> None:
    async with ours.db.transaction() as tx:
        [patient] = await patients_of(tx, (await tx.get_one(Chat, chat)).carer_id or 0)
        past = {"chat": chat, "patient": patient.id, "count": count, "now": ours.clock() - timedelta(hours=1)}
        for statement in (_MESSAGES, _ANSWERS, _TEMPERATURES):
            await tx.execute(text(statement), {key: value for key, value in past.items() if f":{key}" in statement})
