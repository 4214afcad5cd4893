"""A process that applies one lane of a feed, and does not survive one of its messages."""

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.intake.applying import FeedApplier
from integrations.event import Message, PatientUpsert, Person
from records.database import Database
from records.setting import Setting
from tests.keys import KEYRING


def read(feed: Any, body: bytes, received_at: datetime, zone: ZoneInfo) -> list[Message]:
    return [Message(body.decode(), "ADT^A08", None, (PatientUpsert(person=Person(())),))]


async def apply(tx: Any, message: Message, **_: Any) -> None:
    if "deadly" in message.id:
        os.kill(os.getpid(), signal.SIGKILL)
    tx.add(Setting(name=f"applied {message.id}", value={}))


async def main(url: str, key: str, now: str) -> None:
    db = Database(url=url, pool_size=2, keyring=KEYRING)
    await db.open()
    applier = FeedApplier(db, lambda: datetime.fromisoformat(now), ZoneInfo("Asia/Shanghai"), read=read, apply=apply, version="1")
    await applier.run(key)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
