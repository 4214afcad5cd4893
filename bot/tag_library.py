"""What `careloop tag list|show|add|edit|retire|import|export` does."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from records.tag import CARRIED, PatientTag, Tag, TagVersion
from tagging.tags.catalogue import changed, entries, put, retire
from tagging.tags.errors import TagError
from tagging.tags.library import Entry, read_library
from tagging.tags.rules import shipped_rules


def list_command(kind: str | None) -> None:
    """`careloop tag list`."""
    print(in_transaction(lambda tx, parts: _list(tx, parts, kind)))


def show_command(code: str) -> None:
    """`careloop tag show`."""
    print(in_transaction(lambda tx, parts: _show(tx, parts, code)))


def put_command(code: str, said: dict[str, Any], *, new: bool, by: str) -> None:
    """`careloop tag add` and `careloop tag edit`."""
    print(in_transaction(lambda tx, parts: _put(tx, parts, code, said, new=new, by=by)))


def retire_command(code: str, *, by: str) -> None:
    """`careloop tag retire`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        return f"{code} is retired; {await retire(tx, code, by=by, now=parts.clock())} patients lose it at the next look."

    print(in_transaction(work))


def export_command(file: Path) -> None:
    """`careloop tag export`."""
    if file.exists():
        raise TagError("refused", f"{file.name} is there already.")

    async def work(tx: AsyncSession, parts: Core) -> str:
        return as_yaml(await entries(tx, parts.clock()))

    file.write_text(in_transaction(work), encoding="utf-8")


def import_command(file: Path, *, by: str) -> None:
    """`careloop tag import`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        now = parts.clock()
        # A file may lean on tags that it does not repeat, so it is checked together with those that are there.
        became = await put(tx, dict(read_library(file, alone=False).entries), by=by, now=now)
        counts = {what: sum(1 for each in became.values() if each == what) for what in ("new", "changed", "same")}
        return ", ".join(f"{count} {what}" for what, count in counts.items())

    print(in_transaction(work))


def rules_command(*, waiting: bool) -> None:
    """`careloop tag rules`; needs no database."""
    for rule in shipped_rules().rules:
        if waiting and rule.approved is not None:
            continue
        approved = f"{rule.approved.by} {rule.approved.on}" if rule.approved else "not approved"
        print(f"{rule.tag:24}  {rule.id} v{rule.version}  {approved}\n  {rule.why} [{rule.source}]")


def as_yaml(library: dict[str, Entry]) -> str:
    """The library as a file that `careloop tag import` takes."""
    said = {code: {"name": entry.name, "kind": entry.kind, **entry.model_dump(exclude_defaults=True)} for code, entry in library.items()}
    return yaml.safe_dump({"tags": said}, allow_unicode=True, sort_keys=False, width=140)


async def _list(tx: AsyncSession, parts: Core, kind: str | None) -> str:
    known = await entries(tx, parts.clock())
    open_ = (PatientTag.until.is_(None), PatientTag.state.in_(CARRIED))
    carried = select(Tag.code, func.count()).join(PatientTag, PatientTag.tag_id == Tag.id).where(*open_).group_by(Tag.code)
    counts = {tag: count for tag, count in await tx.execute(carried)}
    chosen = {code: entry for code, entry in known.items() if kind in (None, entry.kind)}
    return "\n".join(f"{counts.get(code, 0):6}  {entry.kind:11}  {code:24}  {entry.name}" for code, entry in chosen.items())


async def _show(tx: AsyncSession, parts: Core, code: str) -> str:
    entry = (await entries(tx, parts.clock())).get(code)
    if entry is None:
        raise TagError("unknown_tag", f"There is no tag {code[:60]!r} in use.")
    lines = [as_yaml({code: entry}).rstrip()]
    versions = select(TagVersion).join(Tag, Tag.id == TagVersion.tag_id).where(Tag.code == code).order_by(TagVersion.version.desc())
    lines += [f"version {each.version}  {each.at:%Y-%m-%d}  {each.by}" for each in await tx.scalars(versions)]
    return "\n".join(lines)


async def _put(tx: AsyncSession, parts: Core, code: str, said: dict[str, Any], *, new: bool, by: str) -> str:
    now = parts.clock()
    known = (await entries(tx, now)).get(code)
    if (known is None) != new:
        raise TagError("refused", f"{code[:60]} is {'there already' if new else 'not in use'}.")
    became = await put(tx, {code: changed(known, said, code)}, by=by, now=now)
    return f"{code}: {became[code]}"


def in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    """What `work` says, in one transaction on the configured database."""

    async def run() -> str:
        async with core(command_settings("tag"), role="tag", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
