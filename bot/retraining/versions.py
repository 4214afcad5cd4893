"""The registry of models: which there are, which is live, and the file of each."""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.train import found_model, program
from bot.retraining.texts import RetrainingError
from records.model_version import VERSION_MOVES, ModelArchive, ModelComparison, ModelVersion, Publication
from records.state import move

# Publishing, rolling back and rejecting wait for each other.
_LOCK = 5282


@dataclass(frozen=True)
class Live:
    """What workers are to answer with: version `version_id` (None: the model of the program itself), since publication `id`."""

    id: int
    version_id: int | None
    sha256: str | None
    program: str | None


_LIVE = (
    select(Publication.id, Publication.version_id, ModelVersion.sha256, ModelVersion.program)
    .outerjoin(ModelVersion, ModelVersion.id == Publication.version_id)
    .order_by(Publication.id.desc())
    .limit(1)
)


async def live(tx: AsyncSession) -> Live | None:
    """The newest publication; None before the first."""
    row = (await tx.execute(_LIVE)).first()
    return Live(*row) if row is not None else None


async def versions(tx: AsyncSession) -> list[ModelVersion]:
    """All versions, the newest first."""
    return list(await tx.scalars(select(ModelVersion).order_by(ModelVersion.id.desc())))


async def version(tx: AsyncSession, version_id: int, *, lock: bool = False) -> ModelVersion:
    """One version. Raises RetrainingError when there is none."""
    found = await tx.get(ModelVersion, version_id, with_for_update=lock or None)
    if found is None:
        raise RetrainingError("no_version", version=version_id)
    return found


async def file_of(tx: AsyncSession, version_id: int | None, folder: Path, root: Path) -> Path:
    """The model file of a version, fetched into `folder` if it is not there yet; for None the program's own. Raises RetrainingError."""
    if version_id is None:
        own = found_model(root)
        if own is None:
            raise RetrainingError("no_live_model")
        return own
    row = await version(tx, version_id)
    path = folder / f"version-{version_id}-{row.sha256[:16]}.tar.gz"
    if not path.exists():
        content = await tx.scalar(select(ModelArchive.content).where(ModelArchive.version_id == version_id))
        if content is None or hashlib.sha256(content).hexdigest() != row.sha256:
            raise RetrainingError("damaged", version=version_id)
        await asyncio.to_thread(_store, path, content)
    return path


def _store(path: Path, content: bytes) -> None:
    """Whole or not at all, though two workers fetch it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(content)
    os.replace(part, path)


async def publish(tx: AsyncSession, root: Path, version_id: int, *, by: str, now: datetime, reason: str | None = None) -> Publication:
    """Make a candidate live. Raises RetrainingError unless it was compared with what is live now and found no worse."""
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    wanted = await version(tx, version_id)
    current = await live(tx)
    if wanted.state != "candidate":
        raise RetrainingError("not_candidate", version=version_id, state=wanted.state)
    if wanted.program != program(root):
        raise RetrainingError("other_program", version=version_id)
    against = current.version_id if current is not None else None
    comparison = await comparison_of(tx, version_id, against)
    if comparison is None:
        raise RetrainingError("not_compared", version=version_id)
    if comparison.refusals:
        raise RetrainingError("refused", version=version_id, why="".join(comparison.refusals))
    return await _put_live(tx, wanted, against, by=by, now=now, reason=reason)


async def roll_back(tx: AsyncSession, *, by: str, now: datetime, reason: str | None = None) -> Publication:
    """Make live again what was before: the version published before this one, and before the first the program's own model.

    Rolling back twice goes back two steps. Raises RetrainingError when the program's own is live.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    current = await live(tx)
    if current is None or current.version_id is None:
        raise RetrainingError("nothing_to_roll_back")
    # What was put live by publishing, not by an earlier roll-back; each version once, in the order of its first publication.
    order = select(Publication.version_id).where(Publication.version_id.is_not(None)).group_by(Publication.version_id)
    published = [each for each in await tx.scalars(order.order_by(func.min(Publication.id))) if each is not None]
    place = published.index(current.version_id)
    before = await version(tx, published[place - 1]) if place else None
    return await _put_live(tx, before, current.version_id, by=by, now=now, reason=reason)


async def reject(tx: AsyncSession, version_id: int, *, by: str, now: datetime, reason: str | None = None) -> None:
    """A candidate that nobody wants. It is kept, but cannot be published. Raises RetrainingError."""
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    wanted = await version(tx, version_id)
    if wanted.state != "candidate":
        raise RetrainingError("not_candidate", version=version_id, state=wanted.state)
    await move(tx, wanted, "rejected", moves=VERSION_MOVES, at=now, by=by, reason=reason)


async def comparison_of(tx: AsyncSession, version_id: int, against_id: int | None) -> ModelComparison | None:
    """The newest finished comparison of a version with `against_id`."""
    found: ModelComparison | None = await tx.scalar(
        select(ModelComparison)
        .where(
            ModelComparison.version_id == version_id,
            ModelComparison.against_id.is_not_distinct_from(against_id),
            ModelComparison.state == "done",
        )
        .order_by(ModelComparison.id.desc())
        .limit(1)
    )
    return found


async def newest_comparison(tx: AsyncSession, version_id: int) -> ModelComparison | None:
    """The newest comparison of a version, with whatever, finished or not."""
    rows = select(ModelComparison).where(ModelComparison.version_id == version_id).order_by(ModelComparison.id.desc()).limit(1)
    found: ModelComparison | None = await tx.scalar(rows)
    return found


async def _put_live(
    tx: AsyncSession, wanted: ModelVersion | None, before_id: int | None, *, by: str, now: datetime, reason: str | None
) -> Publication:
    if before_id is not None:
        await move(tx, await version(tx, before_id), "retired", moves=VERSION_MOVES, at=now, by=by, reason=reason)
    if wanted is not None:
        await move(tx, wanted, "published", moves=VERSION_MOVES, at=now, by=by, reason=reason)
    publication = Publication(version_id=wanted.id if wanted is not None else None, by=by, at=now, reason=reason)
    tx.add(publication)
    await tx.flush()
    return publication
