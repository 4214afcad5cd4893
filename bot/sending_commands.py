"""What `careloop sending …` and `careloop stuck …` do; imported only when one runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.stuck import Kind, again, stuck
from plans.reach.purpose import PROACTIVE
from records.message import Outbound
from records.sending import pause_sending, resume_sending, sending


class SendingError(Exception):
    """There is nothing to pause or to resume; the text says why."""

    code, permanent = "sending", True


def pause_command(by: str, why: str) -> None:
    """`careloop sending pause`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        if not await pause_sending(tx, by=by, reason=why, now=parts.clock()):
            raise SendingError("It is paused already; `careloop sending status` says by whom.")
        return "paused: nothing that we begin goes out until `careloop sending resume --by NAME`"

    print(_in_transaction("sending", run))


def resume_command(by: str, why: str) -> None:
    """`careloop sending resume`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        if not await resume_sending(tx, by=by, reason=why, now=parts.clock()):
            raise SendingError("Nobody has paused it.")
        if (await sending(tx)).waits:
            return "resumed; it still waits since the database was put back: `careloop restore go-on --by NAME`"
        return "going on"

    print(_in_transaction("sending", run))


def status_command() -> None:
    """`careloop sending status`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        now = await sending(tx)
        waiting = select(func.count()).where(Outbound.state == "queued", Outbound.purpose.in_(PROACTIVE))
        lines = [f"{await tx.scalar(waiting)} messages that we begin are in the outbox"]
        if now.pause is not None:
            lines.insert(0, f"paused by {now.pause.by} at {now.pause.at.astimezone(parts.settings.tz):%Y-%m-%d %H:%M}: {now.pause.reason}")
        if now.back is not None and now.back.paused:
            lines.insert(0, "waits since the database was put back: `careloop restore go-on --by NAME`")
        return "\n".join(lines if now.waits else ["going on", *lines])

    print(_in_transaction("sending", run))


def stuck_command(limit: int) -> None:
    """`careloop stuck list`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        return "\n".join(
            f"{each.at.astimezone(parts.settings.tz):%Y-%m-%d %H:%M}  {each.kind:8}  {each.key}  {each.what} {each.route}"
            f"  tried {each.attempts}  {'in doubt' if each.doubtful else each.error or ''}"
            for each in await stuck(tx, limit)
        ) or "Nothing is stuck."  # fmt: skip

    print(_in_transaction("stuck", run))


def again_command(kind: Kind, keys: list[str], *, by: str, why: str, even_if_twice: bool) -> None:
    """`careloop stuck again`: all of them or none."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        for key in keys:
            await again(tx, kind, key, by=by, reason=why, now=parts.clock(), even_if_twice=even_if_twice)
        return f"{len(keys)} tried again"

    print(_in_transaction("stuck", run))


def _in_transaction(role: str, run: Callable[[AsyncSession, Core], Awaitable[str]]) -> Any:
    async def whole() -> str:
        async with core(command_settings(role), role=role, pool_size=1) as parts, parts.db.transaction() as tx:
            return await run(tx, parts)

    return asyncio.run(whole())
