"""What `careloop fhir client …` does."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir.scope import is_scope
from bot.fhir.secret import hash_secret, new_secret
from records.feed import Feed
from records.fhir_client import FhirClient, FhirClientTeam, end_tokens
from records.staff import Team

CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{2,63}")


class ClientError(Exception):
    """A program cannot be let in as asked; the text says why in one sentence."""

    code, permanent = "fhir_client", True


async def add_client(
    tx: AsyncSession, client_id: str, *, name: str, teams: Sequence[str], scopes: Sequence[str], feed: str | None, now: datetime
) -> str:
    """Let a program in, or change it and give it a new secret; the secret. Raises ClientError."""
    if CLIENT_ID.fullmatch(client_id) is None:
        raise ClientError("A client id is 3 to 64 letters, digits, dots, dashes or underscores.")
    if wrong := [scope for scope in scopes if not is_scope(scope)]:
        raise ClientError(f"There is no scope {wrong[0]!r}; write system/Patient.read, system/*.write and the like.")
    writes = any(not scope.endswith(".read") for scope in scopes)
    if writes and feed is None:
        raise ClientError("A program that may write needs a feed (--feed NAME).")
    found = {row.name: row.id for row in await tx.scalars(select(Team).where(Team.name.in_(teams)))}
    if missing := [each for each in teams if each not in found]:
        raise ClientError(f"There is no team {missing[0]!r}; `careloop staff` makes one.")
    if not found:
        raise ClientError("Name at least one team whose patients it may see (--team NAME).")
    secret = new_secret()
    client = await tx.scalar(select(FhirClient).where(FhirClient.client_id == client_id).with_for_update())
    if client is None:
        client = FhirClient(client_id=client_id, created_at=now)
        tx.add(client)
    client.name, client.secret_hash, client.scopes = name, await asyncio.to_thread(hash_secret, secret), list(dict.fromkeys(scopes))
    client.feed_id, client.revoked_at = (await _feed(tx, feed, teams[0], now) if feed is not None else None), None
    await tx.flush()
    # Its old secret is over, and so is what was got with it.
    await end_tokens(tx, client.id)
    await tx.execute(delete(FhirClientTeam).where(FhirClientTeam.client_id == client.id))
    tx.add_all(FhirClientTeam(client_id=client.id, team_id=number) for number in found.values())
    return secret


async def _feed(tx: AsyncSession, name: str, team: str, now: datetime) -> int:
    """The feed of this name; a new one brings new patients to `team`. Raises ClientError."""
    feed = await tx.scalar(select(Feed).where(Feed.name == name))
    if feed is None:
        feed = Feed(name=name, kind="fhir", settings={"team": team}, created_at=now)
        tx.add(feed)
        await tx.flush()
    if feed.kind != "fhir":
        raise ClientError(f"The feed {name!r} is one of {feed.kind}, not of fhir.")
    return feed.id


async def revoke_client(tx: AsyncSession, client_id: str, *, now: datetime) -> None:
    """Shut a program out. Raises ClientError where there is none of this id."""
    client = await tx.scalar(select(FhirClient).where(FhirClient.client_id == client_id).with_for_update())
    if client is None:
        raise ClientError(f"There is no program {client_id!r}; `careloop fhir client list` names them.")
    client.revoked_at = client.revoked_at or now
    await end_tokens(tx, client.id)


async def describe_clients(tx: AsyncSession) -> str:
    """Every program in a line of its own."""
    lines = []
    for client in await tx.scalars(select(FhirClient).order_by(FhirClient.client_id)):
        joined = select(Team.name).join(FhirClientTeam, FhirClientTeam.team_id == Team.id).where(FhirClientTeam.client_id == client.id)
        teams = "、".join(await tx.scalars(joined.order_by(Team.id)))
        feed = await tx.scalar(select(Feed.name).where(Feed.id == client.feed_id)) if client.feed_id is not None else None
        state = f"revoked {client.revoked_at:%Y-%m-%d}" if client.revoked_at is not None else "active"
        lines.append("  ".join([client.client_id, client.name, state, " ".join(client.scopes), teams, *([f"feed {feed}"] if feed else [])]))
    return "\n".join(lines) or "No program has been let in; see `careloop fhir client add --help`."


def add_command(client_id: str, *, name: str, teams: Sequence[str], scopes: Sequence[str], feed: str | None) -> None:
    """`careloop fhir client add`."""

    async def step(tx: AsyncSession, now: datetime) -> str:
        secret = await add_client(tx, client_id, name=name, teams=teams, scopes=scopes, feed=feed, now=now)
        return f"client_id: {client_id}\nclient_secret: {secret}\nThe secret is shown this once. Tokens: POST /fhir/token."

    print(_in_transaction(step))


def list_command() -> None:
    """`careloop fhir client list`."""
    print(_in_transaction(lambda tx, now: describe_clients(tx)))


def revoke_command(client_id: str) -> None:
    """`careloop fhir client revoke`."""

    async def step(tx: AsyncSession, now: datetime) -> str:
        await revoke_client(tx, client_id, now=now)
        return f"{client_id} is shut out."

    print(_in_transaction(step))


def try_command(name: str) -> None:
    """`careloop fhir try`."""

    async def step(tx: AsyncSession, now: datetime) -> str:
        from bot.fhir.poll import look

        feed = await tx.scalar(select(Feed).where(Feed.name == name, Feed.kind == "fhir"))
        if feed is None:
            raise ClientError(f"There is no FHIR feed {name!r}; `careloop feed add {name} --kind fhir` makes one.")
        return "\n".join(f"{kind}  {found}" for kind, found in await look(feed, lambda: now))

    print(_in_transaction(step))


def _in_transaction(step: Callable[[AsyncSession, datetime], Awaitable[str]]) -> str:
    from bot.app import core
    from bot.cli_run import command_settings

    async def run() -> str:
        async with core(command_settings("fhir"), role="fhir", pool_size=1) as parts, parts.db.transaction() as tx:
            return await step(tx, parts.clock())

    return asyncio.run(run())
