"""What `careloop keys` does; imported only when one of its commands runs."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import core, key_file
from bot.cli_run import command_settings
from records.data_key import DataKey, retire, rotate
from records.keyring import INDEX, KeyringError
from records.resealing import reseal_some, uses
from records.sealed import keyring_of

T = TypeVar("T")
HEAD = f"{'key':<16}{'state':<10}{'since':<28}{'in the file':<13}values"


def list_command() -> None:
    """`careloop keys list`."""
    print("\n".join(asyncio.run(_in_transaction(table))))


def new_command(name: str | None) -> None:
    """`careloop keys new`: works without a database, for it may be the first of all."""
    store = key_file(command_settings("keys"))
    known = store.read()
    made = name or next(f"k{number}" for number in count(1) if f"k{number}" not in known)
    store.add(*([] if INDEX in known else [INDEX]), made)
    print(f"{made} is in {store.where}. Bring the file to all machines, keep a copy apart from the database and its backups, and then:")
    print(f"careloop keys rotate {made}")


def rotate_command(name: str) -> None:
    """`careloop keys rotate`."""
    asyncio.run(_in_transaction(lambda tx: rotate(tx, name)))
    print(f"What is written is sealed with {name} now; workers seal anew what is on file. `careloop keys list` shows how far they are.")


def reseal_command() -> None:
    """`careloop keys reseal`."""

    async def run() -> int:
        done, first = 0, True
        async with core(command_settings("keys"), role="keys", pool_size=1) as parts:
            with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task("")
                while True:
                    async with parts.db.transaction() as tx:
                        rows = await reseal_some(tx, again=first, at_once=1000)
                    if not rows:
                        break
                    done, first = done + rows, False
                    bar.update(task, description=f"{done} rows")
        if first:
            raise KeyringError("not_yet", "Not now: the key is active for less than half a minute, or a worker is at it this moment.")
        return done

    print(f"{asyncio.run(run())} rows looked at: all are sealed with the active key.")


def retire_command(name: str) -> None:
    """`careloop keys retire`."""

    async def step(tx: AsyncSession) -> None:
        await retire(tx, name, (await uses(tx)).get(name, 0))

    asyncio.run(_in_transaction(step))
    print(f"{name} is retired: it may be taken from the key file. Backups from before need it: keep its copy as long as they are kept.")


async def table(tx: AsyncSession) -> list[str]:
    """The keys in lines."""
    used, prints = await uses(tx), keyring_of(tx).prints
    lines = [HEAD]
    for row in await tx.scalars(select(DataKey).order_by(DataKey.since, DataKey.name)):
        there = "yes" if row.name in prints else "no"
        values = "-" if row.name == INDEX else used.get(row.name, 0)
        lines.append(f"{row.name:<16}{row.state:<10}{row.since.isoformat(timespec='seconds'):<28}{there:<13}{values}")
    return [*lines, *([f"not sealed yet: {used['']} values"] if used.get("") else [])]


async def _in_transaction(step: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async with core(command_settings("keys"), role="keys", pool_size=1) as parts, parts.db.transaction() as tx:
        return await step(tx)
