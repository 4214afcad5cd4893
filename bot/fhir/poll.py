"""Asking other FHIR servers for what has changed: stored as messages of their feed, and applied as those of any other."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
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
from records.feed import Feed, asked, message_row, store_messages

log = structlog.get_logger(__name__)

# hospital-data: what a server writes late stands behind our mark; so far back we look again, and know what we have by its key.
OVERLAP = timedelta(minutes=5)
EVERY, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# Patients first, so that what is said of them finds them.
KINDS = tuple(READERS)
NEXT, FAILURES = "_next_at", "_failures"
# Only what is meant for a feed can be sent to another server.
VARIABLE = r"^(CARELOOP_FEED_[A-Z0-9_]{1,60})?$"


class FhirPoller:
    """Polls feeds. At least once: what is stored twice has the same key."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock

    async def run(self, key: str) -> None:
        """Poll the feed `key` through, and set when it is polled again: soon, or after a failure later and later."""
        async with self._db.transaction() as tx:
            feed = await tx.get(Feed, int(key))
        if feed is None or not feed.active:
            return
        failure, pause = await self._poll(feed), EVERY
        async with self._db.transaction() as tx:
            row = await tx.get_one(Feed, feed.id, with_for_update=True)
            failures = int(row.mark.get(FAILURES, 0)) + 1 if failure is not None else 0
            with suppress(FhirError):
                pause = timedelta(seconds=server_of(row).every)
            pause = max(min(pause * 2 ** min(failures, 10), LONGEST_PAUSE), pause)
            now = self._clock()
            row.mark = {**asked(row.mark, now, failure), FAILURES: failures, NEXT: (now + pause).isoformat()}

    async def _poll(self, feed: Feed) -> str | None:
        """Ask for every type; why it failed, where it did."""
        try:
            settings = server_of(feed)
            async with aiohttp.ClientSession() as session:
                server = FhirServer(session, settings.address, self._clock)
                for kind in settings.resources:
                    await self._kind(server, feed, kind)
        except FhirError as err:
            log.warning("FHIR server not polled", feed=feed.name, code=err.code, place=err.path)
            return err.code
        except Exception as err:
            if is_lost_connection(err):
                raise
            # Whatever it was: the server is not asked again every second for it.
            log.error("FHIR server not polled", feed=feed.name, error=type(err).__name__)
            return "unexpected"
        return None

    async def _kind(self, server: FhirServer, feed: Feed, kind: str) -> None:
        """Everything of one type that is new. The mark moves with the page that it belongs to, in the same transaction."""
        mark = _mark(feed.mark, kind)
        # A server that does not sort as asked may have earlier things on a later page: then the mark waits for the last one.
        latest, sorted_so_far = mark, True
        async for page in server.changed_since(kind, mark - OVERLAP if mark is not None else None):
            now = self._clock()
            times = [moment(each, "meta", "lastUpdated", zone=UTC) for each in page]
            said = [at for at in times if at is not None]
            sorted_so_far = sorted_so_far and said == sorted(said) and (latest is None or not said or said[0] >= latest - OVERLAP)
            # A clock that is ahead of ours must not make us pass over what is written meanwhile.
            latest = max([*([latest] if latest is not None else []), *(min(at, now) for at in said)], default=None)
            # What a server had before we came is not late.
            rows = [_row(feed, each, now, event_at=None if mark is None else at) for each, at in zip(page, times, strict=True)]
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


def _row(feed: Feed, resource: dict[str, Any], now: datetime, *, event_at: datetime | None) -> dict[str, Any]:
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
        event_at=event_at,
    )


class ServerSettings(BaseModel):
    """A feed's `server`: what is asked there, and how. `credential` names the variable of the environment that holds token or secret."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=500, description="the server's base address, such as https://his.example/fhir")
    resources: list[str] = Field(default=list(KINDS), min_length=1, description="resource types to ask for")
    every: float = Field(default=60, ge=5, le=86_400, description="seconds between two looks")
    credential: str = Field(
        default="", pattern=VARIABLE, description="environment variable CARELOOP_FEED_… (or …_FILE) with the token or the secret"
    )
    token_url: str = Field(default="", max_length=500, description="where a token is got with client_id and the secret")
    client_id: str = Field(default="", max_length=200, description="who we are there")

    @field_validator("resources")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise ValueError(f"{unknown[0]} is not read")
        return [kind for kind in KINDS if kind in kinds]

    @property
    def address(self) -> Address:
        """Where the server is, with the secret from the environment: it is never in the database."""
        return Address(self.url, os.environ.get(self.credential, "") if self.credential else "", self.token_url, self.client_id)


def server_of(feed: Feed) -> ServerSettings:
    """The server of a feed. Raises FhirError bad_settings, with the setting as its place."""
    try:
        return ServerSettings.model_validate(feed.settings.get("server"))
    except ValidationError as err:
        place = ".".join(str(part) for part in err.errors(include_input=False)[0]["loc"])
        raise FhirError("bad_settings", path=f"server.{place}".rstrip(".")) from err


async def feeds_to_poll(tx: AsyncSession, now: datetime) -> list[Job]:
    """The jobs of all feeds whose server is to be asked now."""
    due = cast(Feed.mark[NEXT].astext, DateTime(timezone=True))
    served = Feed.settings["server"]["url"].astext.is_not(None)
    asked = select(Feed.id).where(Feed.active, Feed.kind == "fhir", served, due.is_(None) | (due <= now))
    return [Job("poll_feed", str(number), lock=f"poll:{number}") for number in await tx.scalars(asked.order_by(Feed.id))]


async def look(feed: Feed, clock: Callable[[], datetime]) -> list[tuple[str, str]]:
    """The first page of every type that a feed asks for, stored nowhere: how many resources it has, or why there is none."""
    found: list[tuple[str, str]] = []
    settings = server_of(feed)
    async with aiohttp.ClientSession() as session:
        server = FhirServer(session, settings.address, clock)
        for kind in settings.resources:
            try:
                found.append((kind, str(len(await anext(server.changed_since(kind, None))))))
            except FhirError as err:
                found.append((kind, err.code))
    return found
