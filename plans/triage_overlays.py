"""A department's changes to triage: checked when they are proposed and again when somebody else approves them."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from records.staff import Staff, Team
from records.state import created, move
from records.triage_overlay import OVERLAY_MOVES, TriageOverlay
from tagging.content import Content, default_content, with_department
from tagging.errors import ContentError
from tagging.flags import Department
from tagging.overlay import department_of

PARTS = frozenset({"rules", "add", "bands", "replies"})


class OverlayError(Exception):
    """A change that cannot be proposed or approved: `code` names the sentence, `place` says where."""

    permanent = True

    def __init__(self, code: str, place: str = "") -> None:
        super().__init__(f"{code} {place}")
        self.code, self.place = code, place


def read_overlay(text: str, department: str, approver: str, at: datetime, zone: ZoneInfo) -> Department:
    """What is written, as approved by `approver`. Raises OverlayError."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.CSafeLoader)):
            # What repeats itself by reference unfolds as it is checked, a few lines into millions.
            raise OverlayError("alias")
        value: Any = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as err:
        # ValueError: a number or a day that YAML's own reading of words makes of what is none (2026-13-45).
        mark = getattr(err, "problem_mark", None)
        raise OverlayError("yaml", str(mark.line + 1) if mark is not None else "") from err
    if not isinstance(value, dict) or not value:
        raise OverlayError("nothing")
    if strange := {str(key) for key in value} - PARTS:
        raise OverlayError("parts", "、".join(sorted(strange))[:100])
    head = {"department": department, "approved_by": approver, "approved_on": local_day(at, zone)}
    try:
        return department_of({**head, **value}, department)
    except ContentError as err:
        raise OverlayError("content", str(err).partition(", ")[2]) from err


async def content_with(overlay: Department) -> Content:
    """The tables as they would be; some 50 ms in a thread. Raises OverlayError (`content`)."""
    try:
        return await asyncio.to_thread(with_department, default_content(), overlay, overlay.department)
    except ContentError as err:
        raise OverlayError("content", str(err).partition(", ")[2]) from err


async def propose(tx: AsyncSession, department: str, text: str, why: str, *, author: Staff, now: datetime, zone: ZoneInfo) -> TriageOverlay:
    """Keep a draft of the department's next version. Raises OverlayError."""
    if await tx.scalar(select(Team.id).where(Team.name == department)) is None:
        raise OverlayError("team")
    if not why.strip():
        raise OverlayError("why")
    await content_with(read_overlay(text, department, author.name, now, zone))
    last = await tx.scalar(select(func.max(TriageOverlay.version)).where(TriageOverlay.department == department))
    row = TriageOverlay(
        department=department,
        version=(last or 0) + 1,
        state="draft",
        definition=text,
        why=why.strip(),
        author=author.userid,
        created_at=now,
        changed_at=now,
    )
    tx.add(row)
    await tx.flush()
    created(tx, row, at=now, by=author.userid, reason=row.why)
    return row


async def approve(tx: AsyncSession, row: TriageOverlay, *, approver: Staff, now: datetime, zone: ZoneInfo) -> None:
    """Put a draft in force in place of the version before; workers take it within half a minute. Raises OverlayError."""
    if row.state != "draft":
        raise OverlayError("state")
    if row.author == approver.userid:
        raise OverlayError("own")
    await content_with(read_overlay(row.definition, row.department, approver.name, now, zone))
    before = select(TriageOverlay).where(TriageOverlay.department == row.department, TriageOverlay.state == "active").with_for_update()
    for other in await tx.scalars(before):
        reason = f"version {row.version}"
        await move(tx, other, "retired", moves=OVERLAY_MOVES, at=now, by=approver.userid, reason=reason, changed_at=now)
    await move(tx, row, "active", moves=OVERLAY_MOVES, at=now, by=approver.userid, approver=approver.userid, changed_at=now)


async def end(tx: AsyncSession, row: TriageOverlay, *, by: Staff, now: datetime) -> None:
    """Refuse a draft, or take what is in force out of it: the tables of the house hold again. Raises OverlayError."""
    new = {"draft": "refused", "active": "retired"}.get(row.state)
    if new is None:
        raise OverlayError("state")
    await move(tx, row, new, moves=OVERLAY_MOVES, at=now, by=by.userid, changed_at=now)


@dataclass(frozen=True)
class InForce:
    """An overlay as it is kept, with the approver's name."""

    department: str
    definition: str
    approver: str
    since: datetime


async def in_force(tx: AsyncSession) -> tuple[InForce, ...]:
    """What departments have approved, in their order; to be read by `read_in_force`, out of the event loop."""
    query = (
        select(TriageOverlay, Staff.name)
        .outerjoin(Staff, Staff.userid == TriageOverlay.approver)
        .where(TriageOverlay.state == "active")
        .order_by(TriageOverlay.department)
    )
    return tuple(
        InForce(row.department, row.definition, name or str(row.approver), row.changed_at) for row, name in await tx.execute(query)
    )


def read_in_force(kept: Iterable[InForce], zone: ZoneInfo) -> tuple[Department, ...]:
    """The tables, by department. Raises OverlayError for one that can no longer be read."""
    return tuple(read_overlay(each.definition, each.department, each.approver, each.since, zone) for each in kept)
