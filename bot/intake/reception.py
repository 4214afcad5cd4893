"""From the bytes of a sender to its answer: whose feed it is, whether it is taken, stored, and only then acknowledged."""

import asyncio
import hashlib
import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from bot.intake.feeds import Feed, choose
from bot.intake.store import NotStored, Store
from integrations.hl7.ack import TYPES, Code, Policy, Verdict, ack, judge
from integrations.hl7.errors import HL7Error
from integrations.hl7.read import Header, read_header
from integrations.hl7.split import split
from integrations.hl7.timestamp import moment_of
from records.feed import message_row

log = structlog.get_logger(__name__)

# Looking through a body above this size takes more than 20 ms: it leaves the event loop.
LOOK_ASIDE = 256 << 10
# A second message in the same bytes, or a batch's envelope before the first.
_MORE = re.compile(rb"[\r\n\x0b\x1c][ \t]*MSH[!-/:-@\[-`{-~]")
_PATIENT = re.compile(rb"[\r\n][ \t]*PID([!-/:-@\[-`{-~])")


@dataclass(frozen=True)
class Prepared:
    """A message that has been looked at: what its sender is told once `row` is stored. A refused one is kept too."""

    feed: str
    row: dict[str, Any]
    verdict: Verdict


class Reception:
    """Answers messages. `clock` gives now in UTC, `zone` is where the hospital's day begins and its answers are dated."""

    def __init__(self, store: Store, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._store, self._clock, self._zone = store, clock, zone
        self._ids = (f"{secrets.token_hex(4)}{number:x}" for number in itertools.count(1))

    async def prepare(self, body: bytes, feeds: Sequence[Feed], connection: str) -> list[Prepared]:
        """The messages in a body: one as a rule, those of a batch else. `feeds` are those that this sender may send to, at least one."""
        now = self._clock()
        if len(body) <= LOOK_ASIDE:
            return prepare(body, feeds, connection, now, self._zone)
        return await asyncio.to_thread(prepare, body, feeds, connection, now, self._zone)

    def keep(self, messages: Sequence[Prepared]) -> list[tuple[Prepared, asyncio.Future[None]]]:
        """Hand the messages of a body to the store, behind all that were handed to it before."""
        return [(each, self._store.put(each.row)) for each in messages]

    async def answer(self, kept: Sequence[tuple[Prepared, asyncio.Future[None]]]) -> bytes:
        """What the sender is told once they are stored: one acknowledgement, of a batch one for each. AE where they are not."""
        return b"".join([await self._answer(message, stored) for message, stored in kept])

    async def _answer(self, message: Prepared, stored: asyncio.Future[None]) -> bytes:
        verdict, row = message.verdict, message.row
        code, error = verdict.code, verdict.error
        try:
            await stored
        except NotStored as err:
            if code == "AA":
                code, error = "AE", err.code
        if code != "AA":
            log.warning(
                "message not taken", feed=message.feed, answer=code, code=error, control_id=row["control_id"], sha256=row["sha256"][:16]
            )
        return self.say(verdict.header, code, error)

    def say(self, header: Header | None, code: Code, error: str | None = None) -> bytes:
        """An acknowledgement, dated now."""
        return ack(header, code, error, now=self._clock().astimezone(self._zone), new_id=next(self._ids))


def prepare(body: bytes, feeds: Sequence[Feed], connection: str, now: datetime, zone: ZoneInfo) -> list[Prepared]:
    """Look at the messages in a body."""
    parts = [body]
    if not body.startswith(b"MSH") or _MORE.search(body, 4):
        try:
            parts = split(body)
        except HL7Error:
            parts = [body]
    return [_prepare(part, feeds, connection, now, zone) for part in parts]


def _prepare(body: bytes, feeds: Sequence[Feed], connection: str, now: datetime, zone: ZoneInfo) -> Prepared:
    feed: Feed | None = feeds[0]
    if len(feeds) > 1 or feeds[0].settings.senders:
        feed = _of_sender(body, feeds)
    verdict = judge(body, policy(feed or feeds[0]))
    if feed is None and verdict.error != "not_hl7":
        verdict = Verdict("AR", "unknown_sender", verdict.header)
    header = verdict.header
    digest = hashlib.sha256(body).hexdigest()
    row = message_row(
        feed_id=(feed or feeds[0]).id,
        key=identity(header, body, digest, now.astimezone(zone).date().isoformat(), refused=verdict.code != "AA"),
        body=body,
        received_at=now,
        connection=connection,
        kind=header.type if header is not None else "",
        order_key=patient_of(body, header) or connection,
        control_id=header.control_id or None if header is not None else None,
        event_at=moment_of(header.segment.get(7), zone) if header is not None else None,
        refused=verdict.error if verdict.code != "AA" else None,
    )
    return Prepared((feed or feeds[0]).name, row, verdict)


def policy(feed: Feed) -> Policy:
    """What a feed takes; its sender has been looked at before."""
    known = feed.settings
    return Policy(
        types=TYPES | {kind.upper() for kind in known.types},
        without_control_id="refuse" if known.refuse_without_control_id else "accept",
        charset=known.charset,
    )


def _of_sender(body: bytes, feeds: Sequence[Feed]) -> Feed | None:
    try:
        header = read_header(body, feeds[0].settings.charset if len(feeds) == 1 else None)
    except HL7Error:
        return feeds[0]
    return choose(feeds, header.sender, header.facility)


def identity(header: Header | None, body: bytes, digest: str, day: str, *, refused: bool) -> str:
    """The key under which a message is stored once.

    Its sender's control id with what it says: a resend has both (its MSH may have a new time), while a sender that counts from 1 again
    every morning says something new. Without a control id, its bytes within a day. A refused one must not stand in the way of the same
    message once the feed takes it.
    """
    if refused:
        return f"refused:{digest}:{day}"
    if header is None or not header.control_id:
        return f"sha256:{digest}:{day}"
    said = hashlib.sha256(body[_end_of_line(body) :]).hexdigest()[:16]
    return f"{header.sender[:60]}|{header.facility[:60]}|{header.control_id[:60]}|{said}"


def patient_of(body: bytes, header: Header | None) -> str | None:
    """The first identifier of the first patient, PID-3 or PID-2; None where there is none. As written: it only keeps order."""
    found = _PATIENT.search(body)
    if found is None or header is None:
        return None
    end = re.compile(rb"[\r\n]").search(body, found.end())
    fields = body[found.end() : end.start() if end else len(body)][:4000].decode("latin-1").split(found[1].decode("latin-1"))
    signs = header.segment.separators
    for field in fields[2:3] + fields[1:2]:
        first = field.split(signs.repetition, 1)[0].split(signs.component, 1)[0].strip()
        if first:
            return first[:80]
    return None


def _end_of_line(body: bytes) -> int:
    ends = [at for at in (body.find(b"\r"), body.find(b"\n")) if at >= 0]
    return min(ends, default=len(body))
