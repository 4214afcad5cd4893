"""What many open consoles cost while nothing happens: each holds one stream of live updates."""

import asyncio
import os
import time
from collections.abc import Sequence

import aiohttp

from bot.bench.processes import cpu_seconds, database_cpu_seconds
from records.database import Database

CONSOLES, SECONDS = 200, 20.0
# Until all have been let in and the first looks are over (s).
SETTLE = 2.0


async def idle_cost(db: Database, address: str, cookies: Sequence[str], *, seconds: float = SECONDS) -> float:
    """Per cent of a core that this process (pages and listeners) and the database use while each of `cookies` listens at `address`."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)) as http:
        streams = [await http.get(address, headers={"Cookie": cookie}) for cookie in cookies]
        for stream in streams:
            stream.raise_for_status()
        await asyncio.sleep(SETTLE)
        begin, used = time.perf_counter(), _used(db)
        await asyncio.sleep(seconds)
        share = (_used(db) - used) / (time.perf_counter() - begin)
        for stream in streams:
            stream.close()
    return 100 * share


def _used(db: Database) -> float:
    return database_cpu_seconds(db) + cpu_seconds(os.getpid())
