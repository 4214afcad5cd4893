"""What `careloop nlu …` does; imported only when one of its commands runs."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import ROOT
from bot.jobs import workers_alive
from bot.logs import configure
from bot.retraining import queue, report, training, versions
from bot.retraining.checks import check_new
from bot.retraining.collector import Collector
from bot.retraining.compare import compare
from bot.retraining.data import accepted, base, content_of, domain_intents, held_out, normal_text
from bot.retraining.inspection import inspect_data
from bot.retraining.rasa_yaml import read_examples, write_examples
from bot.retraining.texts import RetrainingError, say
from bot.retraining.trainer import ask_to_train
from bot.retraining.watch import watch
from bot.settings import load_settings
from records.labelled_example import LabelledExample
from records.model_version import TrainingRun, TrainingSet

T = TypeVar("T")


def _parts(work: Callable[[Core], Awaitable[T]]) -> T:
    """Do `work` with an open database."""
    settings = load_settings()
    configure("error", role="nlu")

    async def run() -> T:
        async with core(settings, role="nlu", pool_size=2) as parts:
            return await work(parts)

    return asyncio.run(run())


def _transaction(work: Callable[[AsyncSession, datetime], Awaitable[T]]) -> T:
    """Do `work` in one transaction, at this moment."""

    async def run(parts: Core) -> T:
        async with parts.db.transaction() as tx:
            return await work(tx, parts.clock())

    return _parts(run)


def _who(by: str | None) -> str:
    return by or getpass.getuser()


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def collect_command(*, days: int, by: str | None) -> None:
    """`careloop nlu collect`."""

    async def work(parts: Core) -> dict[str, int]:
        collector = Collector(parts.db, ROOT, _folder(parts), parts.clock)
        return await collector.collect(timedelta(days=days), by=_who(by))

    _print(*report.collected(_parts(work)))


def _folder(parts: Core) -> Path:
    return parts.settings.data_dir.absolute() / "models"


def queue_command(*, state: str, limit: int) -> None:
    """`careloop nlu queue`."""
    _print(*report.queue(_transaction(lambda tx, now: queue.groups(tx, state=state, limit=limit))))


def show_command(group: int) -> None:
    """`careloop nlu show`."""
    found = _transaction(lambda tx, now: queue.groups(tx, ids=[group]))
    if not found:
        raise RetrainingError("no_group", group=group)
    _print(*report.group(found[0]))


def intents_command() -> None:
    """`careloop nlu intents`."""
    examples = content_of(base(ROOT))
    _print(*(f"{intent}  {(examples.get(intent) or [''])[0]}" for intent in domain_intents(ROOT)))


def label_command(group: int, intent: str, *, words: str | None, by: str | None) -> None:
    """`careloop nlu label`."""
    done = _transaction(lambda tx, now: queue.label(tx, ROOT, group, intent, by=_who(by), now=now, words=words))
    _print(*(problem.sentence for problem in done.problems), say("done.labelled", group=group, intent=intent, count=len(done.examples)))


def reject_command(group: int, *, reason: str | None, by: str | None) -> None:
    """`careloop nlu reject`."""
    _transaction(lambda tx, now: queue.reject(tx, group, by=_who(by), now=now, reason=reason))
    _print(say("done.rejected", group=group))


def reopen_command(group: int, *, by: str | None) -> None:
    """`careloop nlu reopen`."""
    _transaction(lambda tx, now: queue.reopen(tx, group, by=_who(by), now=now))
    _print(say("done.reopened", group=group))


def split_command(group: int, items: Sequence[int], *, by: str | None) -> None:
    """`careloop nlu split`."""
    _print(say("done.split", group=group, new=_transaction(lambda tx, now: queue.split(tx, group, items, by=_who(by), now=now))))


def merge_command(into: int, others: Sequence[int], *, by: str | None) -> None:
    """`careloop nlu merge`."""
    _transaction(lambda tx, now: queue.merge(tx, into, others, by=_who(by), now=now))
    _print(say("done.merged", group=into))


def check_command() -> None:
    """`careloop nlu check`."""
    found = _transaction(lambda tx, now: inspect_data(tx, ROOT))
    _print(*report.checked(found.problems, examples=found.examples, labelled=found.labelled))
    if found.refused:
        raise SystemExit(1)


def import_command(file: Path, *, by: str | None) -> None:
    """`careloop nlu import`."""
    read = [(normal_text(text), intent) for text, intent in read_examples(file.read_text("utf-8"), where=file.name)]

    async def work(tx: AsyncSession, now: datetime) -> int:
        known = base(ROOT) + await accepted(tx)
        there = {(example.text, example.intent) for example in known}
        new = [each for each in dict.fromkeys(read) if each not in there]
        if unknown := sorted({intent for _, intent in new} - set(domain_intents(ROOT))):
            raise RetrainingError("no_intent", intent=unknown[0])
        refused = [each for each in check_new(new, known, held_out(ROOT)) if each.refused and each.kind != "duplicate"]
        if refused:
            raise RetrainingError("bad_import", where=file.name, count=len(refused), first=refused[0].sentence)
        await queue.add_examples(tx, new, by=_who(by), now=now, source=f"import {file.name}")
        return len(new)

    count = _transaction(work)
    _print(say("done.imported", where=file.name, count=count, known=len(read) - count))


def export_command(*, version: int | None, everything: bool, out: Path | None) -> None:
    """`careloop nlu export`."""

    async def work(tx: AsyncSession, now: datetime) -> dict[str, list[str]]:
        if version is not None:
            row = await versions.version(tx, version)
            content: dict[str, list[str]] = (await tx.get_one(TrainingSet, row.training_set_id)).content
            return content
        return content_of((base(ROOT) if everything else []) + await accepted(tx))

    content = _transaction(work)
    written = write_examples(content)
    if out is None:
        sys.stdout.write(written)
    else:
        out.write_text(written, encoding="utf-8")
        _print(say("done.exported", where=out, count=sum(map(len, content.values()))))


def withdraw_command(text: str, intent: str, *, by: str | None) -> None:
    """`careloop nlu withdraw`."""

    async def work(tx: AsyncSession, now: datetime) -> int:
        mine = (LabelledExample.text == normal_text(text), LabelledExample.intent == intent, LabelledExample.state == "accepted")
        rows = list(await tx.scalars(select(LabelledExample).where(*mine)))
        await queue.withdraw_examples(tx, rows, by=_who(by), now=now, reason="withdrawn")
        return len(rows)

    if not _transaction(work):
        raise RetrainingError("no_example", text=text, intent=intent)
    _print(say("done.withdrawn", text=text, intent=intent))


def train_command(*, background: bool, by: str | None) -> None:
    """`careloop nlu train`."""

    async def work(parts: Core) -> TrainingRun | None:
        async with parts.db.transaction() as tx:
            if background:
                await ask_to_train(tx, ROOT, by=_who(by), now=parts.clock())
                _print(say("done.queued" if await workers_alive(tx) else "done.queued_nobody"))
                return None
            run = await training.start(tx, ROOT, by=_who(by), now=parts.clock())
        return await _watched(parts, run.id)

    run = _parts(work)
    if run is not None:
        _print(*report.run(run))
        if run.state != "done":
            raise SystemExit(1)


async def _watched(parts: Core, run_id: int) -> TrainingRun:
    """Train with a bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(say("steps.starting"), total=1.0)

        def seen(done: float, step: str) -> None:
            bar.update(task, completed=done, description=report.step(step))

        return await training.run(parts.db, run_id, ROOT, parts.clock, on_progress=seen)


def progress_command() -> None:
    """`careloop nlu progress`."""
    run = _transaction(lambda tx, now: training.latest(tx))
    _print(*(report.run(run) if run is not None else [say("runs.none")]))


def cancel_command(*, by: str | None) -> None:
    """`careloop nlu cancel`."""
    _transaction(lambda tx, now: training.cancel(tx, by=_who(by), now=now))
    _print(say("done.cancelled"))


def versions_command() -> None:
    """`careloop nlu versions`."""

    async def work(tx: AsyncSession, now: datetime) -> list[str]:
        rows = await versions.versions(tx)
        sets = {row.id: row for row in await tx.scalars(select(TrainingSet).where(TrainingSet.id.in_([v.training_set_id for v in rows])))}
        return report.versions([(row, sets[row.training_set_id]) for row in rows], await versions.live(tx))

    _print(*_transaction(work))


def compare_command(version: int, *, by: str | None) -> None:
    """`careloop nlu compare`."""
    row = _parts(lambda parts: compare(parts.db, version, ROOT, _folder(parts), by=_who(by), clock=parts.clock))
    _print(*report.comparison(row))
    if row.refusals:
        raise SystemExit(1)


def publish_command(version: int, *, reason: str | None, by: str | None) -> None:
    """`careloop nlu publish`."""
    _transaction(lambda tx, now: versions.publish(tx, ROOT, version, by=_who(by), now=now, reason=reason))
    _print(say("done.published", version=version))


def discard_command(version: int, *, reason: str | None, by: str | None) -> None:
    """`careloop nlu discard`."""
    _transaction(lambda tx, now: versions.reject(tx, version, by=_who(by), now=now, reason=reason))
    _print(say("done.discarded", version=version))


def watch_command(*, days: int) -> None:
    """`careloop nlu watch`."""
    _print(*report.watched(_transaction(lambda tx, now: watch(tx, now=now, days=days))))


def rollback_command(*, reason: str | None, by: str | None) -> None:
    """`careloop nlu rollback`."""
    back = _transaction(lambda tx, now: versions.roll_back(tx, by=_who(by), now=now, reason=reason))
    _print(say("done.rolled_back", version=report.name(back.version_id)))
