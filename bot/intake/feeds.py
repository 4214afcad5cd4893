"""The feeds as the command line sets them and the doors use them: who may send, and how its messages are read."""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from integrations.hl7.charset import known
from records.database import Database
from records.feed import KINDS
from records.feed import Feed as FeedRow

log = structlog.get_logger(__name__)

# Made when a listener starts and nobody has registered a feed: whoever tries a sender on the same machine is answered.
FIRST_FEED = "hl7"
LOOPBACK = ("127.0.0.0/8", "::1/128")


class FeedError(Exception):
    """A feed cannot be made or changed as asked; the text says why in one sentence."""

    code, permanent = "feed", True


class FeedSettings(BaseModel):
    """What can be set of every feed. Readers and pollers keep their own keys beside these."""

    model_config = ConfigDict(extra="allow")

    peers: list[str] = Field(default=[], description="addresses or networks that may connect; none: only this machine")
    senders: list[str] = Field(default=[], description="MSH-3, or MSH-3|MSH-4, that may send; none: all")
    charset: str | None = Field(default=None, description="what the bytes are, whatever the messages say (gb18030, utf-8 …)")
    identifiers: dict[str, str] = Field(default={}, description="authority:type to the platform's name of the numbering")
    strong: list[str] = Field(default=[], description="numberings that link a patient by themselves, such as health-card")
    team: str | None = Field(default=None, description="the team of patients who are new by this feed")
    teams: dict[str, str] = Field(default={}, description="department to the team of its new patients")
    items: dict[str, str] = Field(default={}, description="the hospital's own code or name of a laboratory item to its id in lab.yml")
    refuse_without_control_id: bool = Field(default=True, description="AR for an empty MSH-10; else known by its content for a day")
    types: list[str] = Field(default=[], description="MSH-9.1 beyond those that we know, to be taken and kept unread")
    soap_element: str = Field(default="message", description="element of a posted XML document that holds the message")
    releases: bool = Field(default=False, description="true: the family may see a result as soon as it is final")
    silent_after: int | None = Field(default=None, ge=1, description="minutes without a message after which the administrators hear of it")
    late_after: int = Field(default=60, ge=1, description="minutes that messages may come, or wait, after what they tell of")

    @field_validator("peers")
    @classmethod
    def _networks(cls, peers: list[str]) -> list[str]:
        for peer in peers:
            ipaddress.ip_network(peer, strict=False)
        return peers

    @field_validator("items")
    @classmethod
    def _known_items(cls, given: dict[str, str]) -> dict[str, str]:
        from tagging.terms.lab import items

        if unknown := set(given.values()) - set(items()):
            raise ValueError(f"lab.yml has no item {min(unknown)!r}")
        return given

    @field_validator("charset")
    @classmethod
    def _known_charset(cls, name: str | None) -> str | None:
        if name is not None and known(name) is None:
            raise ValueError(f"unknown charset {name!r}")
        return name


def check_settings(given: Mapping[str, Any]) -> FeedSettings:
    """The settings of a feed. Raises FeedError, which names the first wrong one."""
    try:
        return FeedSettings(**given)
    except ValidationError as err:
        first = err.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise FeedError(f"Setting {name} of the feed: {first['msg'].removeprefix('Value error, ')}.") from err


@dataclass(frozen=True)
class Feed:
    """A feed as it stands in the database at the moment."""

    id: int
    name: str
    kind: str
    sandbox: bool
    token_hash: str | None
    settings: FeedSettings

    def allows(self, peer: str) -> bool:
        """Whether the machine with this address may send."""
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in ipaddress.ip_network(each, strict=False) for each in self.settings.peers or LOOPBACK)

    def names(self, application: str, facility: str) -> bool:
        """Whether this sender is among those that the feed names."""
        return bool({application, f"{application}|{facility}"} & set(self.settings.senders))

    def opens(self, token: str) -> bool:
        """Whether `token` is the feed's."""
        return self.token_hash is not None and hmac.compare_digest(hash_token(token), self.token_hash)


def choose(feeds: Iterable[Feed], application: str, facility: str) -> Feed | None:
    """The feed that a sender's messages belong to: one that names it, else one that takes all; None when there is neither."""
    feeds = list(feeds)
    named = (feed for feed in feeds if feed.names(application, facility))
    return next(named, next((feed for feed in feeds if not feed.settings.senders), None))


def hash_token(token: str) -> str:
    """How a token is kept: it is long and random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


async def read_feeds(tx: AsyncSession, kind: str | None = None) -> list[Feed]:
    """The active feeds, of one kind or of all, in the order in which they were made; one with wrong settings is left out."""
    kinds = KINDS if kind is None else (kind,)
    rows = await tx.scalars(select(FeedRow).where(FeedRow.active, FeedRow.kind.in_(kinds)).order_by(FeedRow.id))
    feeds = []
    for row in rows:
        try:
            feeds.append(as_feed(row))
        except FeedError as err:
            log.error("feed left out", feed=row.name, reason=str(err))
    return feeds


def as_feed(row: FeedRow) -> Feed:
    """The feed of a row. Raises FeedError when its settings are wrong."""
    return Feed(row.id, row.name, row.kind, row.sandbox, row.token_hash, check_settings(row.settings))


async def add_feed(tx: AsyncSession, name: str, kind: str, settings: Mapping[str, Any], *, now: datetime, sandbox: bool = False) -> FeedRow:
    """Register a feed. Raises FeedError: the name is taken, or not one that can stand in an address, or a setting is wrong."""
    if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 40):
        raise FeedError("A feed's name is up to 40 letters, digits, - and _.")
    if kind not in KINDS:
        raise FeedError(f"There is no kind {kind!r} of feed; there are: {', '.join(KINDS)}.")
    check_settings(settings)
    if await tx.scalar(select(FeedRow.id).where(FeedRow.name == name)):
        raise FeedError(f"There is a feed {name} already.")
    row = FeedRow(name=name, kind=kind, settings=dict(settings), sandbox=sandbox, created_at=now)
    tx.add(row)
    await tx.flush()
    return row


class Known:
    """The active HL7 feeds, looked up again when the last look is FRESH old. While the database is away the former ones stay in force."""

    FRESH, PATIENCE, REST = 2.0, 2.0, 15.0

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db, self._clock = db, clock
        self._feeds: list[Feed] = []
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    async def all(self) -> list[Feed]:
        """The feeds."""
        async with self._looking:
            if self._clock() - self._looked > self.FRESH:
                self._looked = self._clock()
                try:
                    async with asyncio.timeout(self.PATIENCE), self._db.transaction() as tx:
                        self._feeds = await read_feeds(tx, "hl7")
                except (DBAPIError, OSError) as err:
                    # Senders wait behind this: while the database is away they are to hear so, not to stand in a queue.
                    self._looked += self.REST
                    log.error("feeds cannot be looked up", error=type(err).__name__)
        return self._feeds

    async def of_peer(self, peer: str) -> list[Feed]:
        """The feeds that a machine may send to."""
        return [feed for feed in await self.all() if feed.allows(peer)]

    async def named(self, name: str) -> Feed | None:
        """The feed of this name."""
        return next((feed for feed in await self.all() if feed.name == name), None)


async def make_first(db: Database, now: datetime) -> None:
    """Where no HL7 feed has ever been registered, make one that only this machine may send to."""
    async with db.transaction() as tx:
        if not await tx.scalar(select(FeedRow.id).where(FeedRow.kind == "hl7").limit(1)):
            await add_feed(tx, FIRST_FEED, "hl7", {}, now=now)
