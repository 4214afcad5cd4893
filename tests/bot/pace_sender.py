"""A process that sends as fast as it is let, for tests/bot/test_pace.py: BASE_URL DATABASE_URL ACCOUNT NAME LIMIT SPEED
SINCE SECONDS. It says when it is ready, and begins when it is told to."""

import asyncio
import sys
import time
from datetime import UTC, datetime

import aiohttp

from bot.pace import DatabasePace
from bot.tokens import DatabaseTokenStore
from integrations.wecom import kf
from integrations.wecom.client import WecomClient
from integrations.wecom.outbound import text
from integrations.wecom.simulator.config import demo_config
from records.database import Database

AT_ONCE = 2


def moment(since: float, speed: float) -> datetime:
    """The hurried time that all processes of the test share."""
    return datetime.fromtimestamp(since + (time.time() - since) * speed, UTC)


async def main(base_url: str, database_url: str, account: str, name: str, limit: int, speed: float, since: float, seconds: float) -> None:
    db = Database(url=database_url, pool_size=4)
    await db.open()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / speed)

    def clock() -> datetime:
        return moment(since, speed)

    demo = demo_config("http://127.0.0.1/none")
    async with aiohttp.ClientSession() as session:
        pace = DatabasePace(db, clock, per_minute=limit, sleep=sleep)
        client = WecomClient(session, base_url, demo.corp_id, demo.apps[0].secret, DatabaseTokenStore(db), clock, sleep=sleep, pace=pace)
        await client.post("kf/account/list", {})
        print("ready", flush=True)
        sys.stdin.readline()
        families, until = iter(range(10_000)), time.time() + seconds

        async def send() -> None:
            while time.time() < until:
                family = next(families)
                for _ in range(4):
                    await kf.send_msg(client, f"wm{name}{family}", account, text("您好"), bulk=True)

        await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    await db.close()


if __name__ == "__main__":
    base, url, kf_account, label, most, hurry, start, lasts = sys.argv[1:]
    asyncio.run(main(base, url, kf_account, label, int(most), float(hurry), float(start), float(lasts)))
