"""What `careloop tag of|put|refuse|end` does."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core
from bot.links import find_patient
from bot.tag_library import in_transaction
from records.staff import Staff
from tagging.tags.by_hand import ShownTag, Word, say, tags_of
from tagging.tags.errors import TagError


def of_command(record_number: str, *, history: bool) -> None:
    """`careloop tag of`."""
    print(in_transaction(lambda tx, parts: _of(tx, record_number, history=history)))


def say_command(record_number: str, code: str, word: Word, *, by: str, why: str) -> None:
    """`careloop tag put`, `refuse` and `end`."""
    print(in_transaction(lambda tx, parts: _say(tx, parts, record_number, code, word, by=by, why=why)))


async def _of(tx: AsyncSession, record_number: str, *, history: bool) -> str:
    patient = await find_patient(tx, record_number)
    shown = await tags_of(tx, patient.id, teams=None, history=history)
    return "\n".join([f"{patient.name} {patient.record_number}", *(line for each in shown for line in described(each))])


async def _say(tx: AsyncSession, parts: Core, record_number: str, code: str, word: Word, *, by: str, why: str) -> str:
    staff = await tx.scalar(select(Staff).where(Staff.userid == by))
    if staff is None:
        raise TagError("refused", f"There is no clinician {by!r}; `careloop staff` puts one on file.")
    patient = await find_patient(tx, record_number)
    await say(tx, staff, patient.id, code, word, why=why, now=parts.clock())
    return await _of(tx, record_number, history=False)


def described(tag: ShownTag) -> list[str]:
    """A tag with its reasons, in lines."""
    row = tag.row
    until = f"–{row.until:%Y-%m-%d}" if row.until else ""
    decided = f", decided by {row.decided_by}" if row.decided_by else ""
    asks = ", asks" if row.asks else ""
    head = f"  {tag.name} ({tag.code})  {row.state}{asks}  {row.since:%Y-%m-%d}{until}  {row.source}, {row.confidence:.2f}{decided}"
    reasons = [
        f"    {'✗' if reason.against else '✓'} {reason.at:%Y-%m-%d}  {reason.because}"
        + (f"  [{reason.rule} v{reason.rule_version or 1}]" if reason.rule else f"  [{reason.source}]")
        for reason in tag.reasons
    ]
    return [head, *reasons]
