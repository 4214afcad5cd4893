"""What `careloop audit …` does; imported only when it runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.app import Core, core
from bot.audit import head, texts, told, verified
from bot.cli_run import command_settings
from records.audit_verifying import Verified

T = TypeVar("T")


class AuditError(Exception):
    """What cannot be done; the text is a sentence for whoever asked."""

    code, permanent = "audit", True


def verify_command(noted: list[str], *, as_json: bool) -> None:
    """`careloop audit verify`."""

    async def work(parts: Core) -> tuple[Verified, list[str]]:
        try:
            result = await verified(parts.db, parts.settings, noted)
        except ValueError as err:
            raise AuditError(texts()["bad_head"].format(head="、".join(noted))) from err
        return result, told(result, parts.settings.tz)

    result, lines = _run(work)
    print(json.dumps(_plain(result), ensure_ascii=False) if as_json else "\n".join(lines))
    if result.found:
        raise SystemExit(1)


def head_command() -> None:
    """`careloop audit head`."""

    async def work(parts: Core) -> str | None:
        return await head(parts.db)

    found = _run(work)
    if found is None:
        raise AuditError(texts()["no_head"])
    print(found)


def _plain(result: Verified) -> dict[str, object]:
    waiting = {log: {"count": count, "since": since and since.isoformat()} for log, (count, since) in result.waiting.items()}
    return {
        "seals": result.seals, "rows": result.rows, "head": result.head, "found": result.found,
        "problems": [each.plain() for each in result.problems], "waiting": waiting, "removals": dict(result.removals),
    }  # fmt: skip


def _run(work: Callable[[Core], Awaitable[T]]) -> T:
    async def run() -> T:
        async with core(command_settings("audit"), role="audit", pool_size=2) as parts:
            return await work(parts)

    return asyncio.run(run())
