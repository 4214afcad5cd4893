"""What `careloop feed` does."""

import asyncio
import getpass
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.intake.dead_letters import Selection, find, look, replay
from bot.intake.feeds import FeedError, FeedSettings, add_feed, check_settings, hash_token, new_token
from bot.intake.overview import overview
from integrations.hl7.charset import decode
from records.feed import Feed
from records.state import StateChange

T = TypeVar("T")


def _run(step: Callable[[AsyncSession, Core], Awaitable[T]]) -> T:
    async def run() -> T:
        async with core(command_settings("feed"), role="feed", pool_size=1) as parts, parts.db.transaction() as tx:
            return await step(tx, parts)

    return asyncio.run(run())


def _by() -> str:
    """Who is at the command line, for the record."""
    try:
        return f"command line: {getpass.getuser()}"
    except (OSError, KeyError):
        return f"command line: {os.getuid()}"


async def _feed(tx: AsyncSession, name: str) -> Feed:
    feed = await tx.scalar(select(Feed).where(Feed.name == name).with_for_update())
    if feed is None:
        raise FeedError(f"There is no feed {name}.")
    return feed


def parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    """`key=value` as the command line takes it: JSON, a text, or for a setting that is a list, parts with commas. None for `key=`.

    Raises FeedError."""
    found: dict[str, Any] = {}
    for change in changes:
        key, is_one, value = change.partition("=")
        if not is_one or not key:
            raise FeedError(f"A change must look like key=value, not {change!r}.")
        field = FeedSettings.model_fields.get(key)
        try:
            found[key] = json.loads(value) if value else None
        except ValueError:
            found[key] = value
        if value and field is not None and field.annotation == list[str] and not isinstance(found[key], list):
            found[key] = [part.strip() for part in value.split(",")]
    return found


def changed(kind: str, before: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Settings after `changes`. Raises FeedError for a wrong value, and for a key that an HL7 feed does not have."""
    after = {**before, **parse_changes(changes)}
    after = {key: value for key, value in after.items() if value is not None}
    unknown = after.keys() - FeedSettings.model_fields.keys()
    if kind == "hl7" and unknown:
        raise FeedError(f"There is no setting {min(unknown)}; there are: {', '.join(sorted(FeedSettings.model_fields))}.")
    check_settings(after)
    return after


def list_command() -> None:
    """`careloop feed list`."""

    async def step(tx: AsyncSession, parts: Core) -> None:
        zone = parts.settings.tz
        for each in await overview(tx):
            feed = each.feed
            last = f"{feed.last_received_at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if feed.last_received_at else "never"
            marks = [*(["off"] if not feed.active else []), *(["sandbox"] if feed.sandbox else []), *each.marks]
            print(
                f"{feed.name}  {feed.kind}  last {last}  received {feed.received}  resent {feed.resent}  applied {feed.applied}  "
                f"ignored {feed.ignored}  waiting {each.waiting}  dead {each.dead}" + (f"  [{', '.join(marks)}]" if marks else "")
            )

    _run(step)


def add_command(name: str, kind: str, changes: Sequence[str], *, sandbox: bool, token: bool) -> None:
    """`careloop feed add`."""
    settings = changed(kind, {}, changes)

    async def step(tx: AsyncSession, parts: Core) -> None:
        feed = await add_feed(tx, name, kind, settings, now=parts.clock(), sandbox=sandbox)
        tx.add(StateChange(entity="feed", entity_id=feed.id, old=None, new="on", at=parts.clock(), by=_by(), reason=None))
        _say_feed(feed, _give_token(feed) if token else None)

    _run(step)


def set_command(name: str, changes: Sequence[str], *, sandbox: bool | None, active: bool | None, token: bool) -> None:
    """`careloop feed set`."""

    async def step(tx: AsyncSession, parts: Core) -> None:
        feed = await _feed(tx, name)
        feed.settings = changed(feed.kind, feed.settings, changes)
        feed.sandbox = feed.sandbox if sandbox is None else sandbox
        old = "on" if feed.active else "off"
        feed.active = feed.active if active is None else active
        given = _give_token(feed) if token else None
        if changes or sandbox is not None or active is not None or token:
            detail = {"settings": feed.settings, "sandbox": feed.sandbox, "token": token}
            new = "on" if feed.active else "off"
            tx.add(StateChange(entity="feed", entity_id=feed.id, old=old, new=new, at=parts.clock(), by=_by(), reason="set", detail=detail))
        _say_feed(feed, given)

    _run(step)


def _give_token(feed: Feed) -> str:
    token = new_token()
    feed.token_hash = hash_token(token)
    return token


def _say_feed(feed: Feed, token: str | None) -> None:
    print(f"{feed.name}  {feed.kind}  {'on' if feed.active else 'off'}  {'sandbox' if feed.sandbox else 'live'}")
    for key, value in sorted(feed.settings.items()):
        print(f"  {key}={json.dumps(value, ensure_ascii=False)}")
    if token is not None:
        print(f"  Authorization: Bearer {token}   (for POST /intake/{feed.name}; not shown again)")


def dead_command(feed: str | None, code: str | None, since: datetime | None, until: datetime | None, limit: int) -> None:
    """`careloop feed dead`."""

    async def step(tx: AsyncSession, parts: Core) -> None:
        zone = parts.settings.tz
        which = Selection(feed=feed, code=code, since=_at(since, parts), until=_at(until, parts))
        for name, message in await find(tx, which, limit):
            print(
                f"{message.id}  {name}  {message.received_at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {message.kind or '-'}  "
                f"{message.control_id or '-'}  {message.error_code}  {message.error or ''}"
            )

    _run(step)


def show_command(number: int, *, raw: bool) -> None:
    """`careloop feed show`."""

    async def step(tx: AsyncSession, parts: Core) -> None:
        name, message = await look(tx, number, raw=raw, by=_by(), now=parts.clock())
        shown = ("kind", "control_id", "connection", "event_at", "received_at", "size", "sha256", "state", "attempts", "not_before")
        print(f"feed: {name}")
        for column in (*shown, "error_code", "error", "parser_version", "applied_at"):
            value = getattr(message, column)
            if value is not None:
                print(f"{column}: {value.astimezone(parts.settings.tz).isoformat() if isinstance(value, datetime) else value}")
        if raw:
            text = decode(message.raw).text.replace("\r\n", "\n").replace("\r", "\n")
            # Control characters of a stranger's message must not reach the terminal.
            print("".join(sign if sign == "\n" or sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text))

    _run(step)


def replay_command(
    numbers: Sequence[int], feed: str | None, code: str | None, since: datetime | None, until: datetime | None, state: str
) -> None:
    """`careloop feed replay`."""

    async def step(tx: AsyncSession, parts: Core) -> int:
        which = Selection(numbers, feed, code, _at(since, parts), _at(until, parts), state)
        if which.open:
            raise FeedError("Say which messages: their numbers, --feed, --code, --since or --until.")
        return await replay(tx, which, by=_by(), now=parts.clock())

    print(f"{_run(step)} messages will be applied again")


def _at(moment: datetime | None, parts: Core) -> datetime | None:
    """A time of the command line is the hospital's."""
    return moment.replace(tzinfo=parts.settings.tz) if moment is not None and moment.tzinfo is None else moment
