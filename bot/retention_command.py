"""What `careloop retention …` does; imported only when it runs."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.retention import last_run, run, waiting
from bot.retention_classes import DataClass, Then, classes
from records.retention_run import RetentionRun

THEN: dict[Then, str] = {"delete": "删除", "blank": "清空内容", "files": "删除文件", "jobs": "删除", "kept": "不自动处理"}


def show_command() -> None:
    """`careloop retention show`."""

    async def work(parts: Core) -> list[str]:
        async with parts.db.transaction() as tx:
            last = await last_run(tx)
        lines = [_line(each) for each in classes(parts.settings.retention_file).values()]
        return [*lines, "依据需由律师审核（needs lawyer's review）。", _told(last) if last is not None else "还没有运行过。"]

    _run(work)


def run_command(*, dry_run: bool) -> None:
    """`careloop retention run`."""

    async def work(parts: Core) -> list[str]:
        known = classes(parts.settings.retention_file)
        if dry_run:
            async with parts.db.transaction() as tx:
                found = await waiting(tx, known, parts.clock())
            return [f"{known[code].name}：{count} 条" for code, count in found.items()]
        await run(parts.db, known, parts.clock)
        async with parts.db.transaction() as tx:
            last = await last_run(tx)
        return [_told(last)] if last is not None else []

    _run(work)


def _line(each: DataClass) -> str:
    own = "（医院设定）" if each.changed else ""
    return f"{each.code}  {each.name}：{each.keep.chinese}{own}，不短于 {each.least.chinese}，到期{THEN[each.then]}。{each.source}"


def _told(last: RetentionRun) -> str:
    known = classes(None)
    parts = [f"{known[code].name if code in known else code} {sum(tables.values())} 条" for code, tables in last.counts.items()]
    return (
        f"最近一次：{last.at.isoformat(timespec='seconds')}，"
        + ("、".join(parts) or "没有到期的")
        + ("，还有没做完的" if last.more else "")
    )


def _run(work: Callable[[Core], Awaitable[list[str]]]) -> None:
    async def inner() -> list[str]:
        async with core(command_settings("retention"), role="retention", pool_size=3) as parts:
            return await work(parts)

    print("\n".join(asyncio.run(inner())))
