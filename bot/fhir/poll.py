"""Asking other FHIR servers for what has changed: stored as messages of their feed, and applied as those of any other."""

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import structlog
from sqlalchemy import DateTime, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir.receive import as_bytes
from bot.jobs import Job
from integrations.fhir.bundle import message_id
from integrations.fhir.client import Address, FhirServer
from integrations.fhir.document import FhirError, moment, text
from integrations.fhir.person import relative
from integrations.fhir.read import READERS
from records.database import Database, is_lost_connection
from records.feed import Feed, message_row, store_messages

log = structlog.get_logger(__name__)

# hospital-data: what a server writes late stands behind our mark; so far back we look again, and know what we have by its key.
OVERLAP = timedelta(minutes=5)
EVERY, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# Patients first, so that what is said of them finds them.
KINDS = tuple(READERS)
NEXT, FAILURES = "_next_at", "_failures"


class FhirPoller:
    """Polls feeds. At least once: what is stored twice has the same key."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock

    async def run(self, key: str) -> None:
        """Poll the feed `key` through, and set when it is polled again: soon, or after a failure later and later."""
        async with self._db.transaction() as tx:
            feed = await tx.get(Feed, int(key))
            if feed is None or not is_polled(feed):
                return
        failure: str | None = None
        try:
            async with aiohttp.ClientSession() as session:
                server = FhirServer(session, address_of(feed), self._clock)
                for kind in kinds_of(feed.settings):
                    await self._kind(server, feed, kind)
        except FhirError as err:
            failure = err.code
            log.warning("FHIR server not polled", feed=feed.name, code=err.code, place=err.path)
        except Exception as err:
            if is_lost_connection(err):
                raise
            # Whatever it was: the server is not asked again every second for it.
            failure = "unexpected"
            log.error("FHIR server not polled", feed=feed.name, error=type(err).__name__)
        async with self._db.transaction() as tx:
            row = await tx.get_one(Feed, feed.id, with_for_update=True)
            failures = int(row.mark.get(FAILURES, 0)) + 1 if failure is not None else 0
            pause = min(every(row.settings) * 2 ** min(failures, 10), LONGEST_PAUSE) if failures else every(row.settings)
            row.mark = {**row.mark, FAILURES: failures, NEXT: (self._clock() + pause).isoformat()}

    async def _kind(self, server: FhirServer, feed: Feed, kind: str) -> None:
        """Everything of one type that is new. The mark moves with the page that it belongs to, in the same transaction."""
        mark = _mark(feed.mark, kind)
        # A server that does not sort as asked may have earlier things on a later page: then the mark waits for the last one.
        latest, sorted_so_far = mark, True
        async for page in server.changed_since(kind, mark - OVERLAP if mark is not None else None):
            now = self._clock()
            times = [at for each in page if (at := moment(each, "meta", "lastUpdated", zone=UTC)) is not None]
            sorted_so_far = sorted_so_far and times == sorted(times) and (latest is None or not times or times[0] >= latest - OVERLAP)
            # A clock that is ahead of ours must not make us pass over what is written meanwhile.
            latest = max([*([latest] if latest is not None else []), *(min(at, now) for at in times)], default=None)
            rows = [_row(feed, each, now) for each in page]
            async with self._db.transaction() as tx:
                await store_messages(tx, rows)
                if sorted_so_far:
                    await _move(tx, feed.id, kind, latest)
        async with self._db.transaction() as tx:
            await _move(tx, feed.id, kind, latest)


async def _move(tx: AsyncSession, feed_id: int, kind: str, latest: datetime | None) -> None:
    row = await tx.get_one(Feed, feed_id, with_for_update=True)
    known = _mark(row.mark, kind)
    if latest is not None and (known is None or latest > known):
        row.mark = {**row.mark, kind: latest.isoformat()}


def _mark(mark: Mapping[str, Any], kind: str) -> datetime | None:
    written = mark.get(kind)
    return datetime.fromisoformat(written) if isinstance(written, str) else None


def _row(feed: Feed, resource: dict[str, Any], now: datetime) -> dict[str, Any]:
    """One resource as a message: its version is its identity, its patient its order."""
    kind, whose = str(resource["resourceType"]), resource.get("subject") or resource.get("patient")
    patient = f"Patient/{text(resource, 'id')}" if kind == "Patient" else relative(text(whose, "reference") or "")
    return message_row(
        feed_id=feed.id,
        key=message_id(resource),
        body=as_bytes(resource),
        received_at=now,
        connection="poll",
        kind=kind,
        order_key=patient or feed.name,
        control_id=message_id(resource),
        event_at=moment(resource, "meta", "lastUpdated", zone=UTC),
    )


def is_polled(feed: Feed) -> bool:
    """Whether the feed is of a server that we ask."""
    return feed.active and feed.kind == "fhir" and isinstance(feed.settings.get("url"), str)


def address_of(feed: Feed) -> Address:
    """The server of a feed. Its secret is in the environment: CARELOOP_FEED_<NAME>_SECRET (or …_FILE), never in the database."""
    name = re.sub(r"[^A-Z0-9]", "_", feed.name.upper())
    settings = {key: str(feed.settings.get(key) or "") for key in ("url", "token_url", "client_id")}
    return Address(settings["url"], os.environ.get(f"CARELOOP_FEED_{name}_SECRET", ""), settings["token_url"], settings["client_id"])


def kinds_of(settings: Mapping[str, Any]) -> list[str]:
    """Which resource types are asked for: those of the settings, in the order of KINDS; without any, all."""
    wanted = settings.get("resources")
    return [kind for kind in KINDS if not isinstance(wanted, list) or kind in wanted]


def every(settings: Mapping[str, Any]) -> timedelta:
    """How long a poll waits for the next one."""
    seconds = settings.get("every")
    return timedelta(seconds=min(max(float(seconds), 5), 86_400)) if isinstance(seconds, int | float) and seconds > 0 else EVERY


async def feeds_to_poll(tx: AsyncSession, now: datetime) -> list[Job]:
    """The jobs of all feeds whose server is to be asked now."""
    due = cast(Feed.mark[NEXT].astext, DateTime(timezone=True))
    asked = select(Feed.id).where(Feed.active, Feed.kind == "fhir", Feed.settings["url"].astext.is_not(None), due.is_(None) | (due <= now))
    return [Job("poll_feed", str(number), lock=f"poll:{number}") for number in await tx.scalars(asked.order_by(Feed.id))]
