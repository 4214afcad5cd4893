"""Two patients are one, or are two again. Everything moves, what is double ends, alerts stay open, and all of it can be undone."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from plans.enrolment import RUNNING, end_plan
from records.care_plan import CarePlan, Task
from records.merging import differences, give_back, images, move_rows, put_back, restore, take_away
from records.patient import Patient, PatientCarer
from records.patient_identifier import PROPOSAL_MOVES, RECORD_NUMBER, LinkProposal, PatientIdentifier, PatientMerge
from records.retag import ask_retag
from records.state import StateChange, move
from records.tag import CARRIED, PATIENT_TAG_MOVES, PatientTag, TagChange

MERGED = "merged"
# What ends or changes in a merge, beyond changing hands.
_SETTLED = (
    ("patient", "id"), ("care_plan", "patient_id"), ("task", "patient_id"), ("patient_tag", "patient_id"), ("patient_carer", "patient_id"),
    ("patient_identifier", "patient_id"), ("link_proposal", "patient_id"), ("chat", "patient_id"),
)  # fmt: skip


class MergeError(Exception):
    """The merge, or its undoing, is not possible; `code` says why."""

    permanent = True

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


async def merge(tx: AsyncSession, kept: Patient, gone: Patient, *, now: datetime, by: str, reason: str) -> PatientMerge:
    """Make `gone` the same patient as `kept`, who keeps the record; the undo record.

    The row of `gone` is taken away, so that no list can show half a patient; his numbers stay, as aliases that find `kept`. No account
    is bound to anybody by this who was not bound to one of the two. Raises MergeError (`same_patient`).
    """
    if kept.id == gone.id:
        raise MergeError("same_patient")
    await tx.flush()
    # Whoever writes about either of them waits, and then finds the one who is left.
    await tx.execute(select(Patient.id).where(Patient.id.in_((kept.id, gone.id))).order_by(Patient.id).with_for_update())
    pair = (kept.id, gone.id)
    chats = [chat for chat in await tx.scalars(select(Task.chat_id).where(Task.patient_id.in_(pair)).distinct()) if chat is not None]
    before = await images(tx, pair, _SETTLED) | await images(tx, chats, [("chat", "id")])
    await _end_double_plans(tx, pair, now=now, by=by)
    theirs, his = await _carried(tx, kept.id), await _carried(tx, gone.id)
    await _end_double_tags(tx, kept.id, gone.id, now=now, by=by)
    await _one_primary(tx, kept.id, gone.id)
    await _settle_proposals(tx, pair, now=now, by=by)
    _unite(kept, gone)
    numbers, made = await _aliases(tx, gone, now=now, by=by)
    await tx.flush()
    changes = differences(before, await images(tx, pair, _SETTLED) | await images(tx, chats, [("chat", "id")]))
    record = await move_rows(tx, gone.id, kept.id)
    # His own row is whole in `patient`, so none of it is among the changes.
    mine = f'patient/{{"id": {gone.id}}}'
    changes = [change for change in changes if change["row"] != mine]
    gone_id = gone.id
    tx.expunge(gone)
    row = PatientMerge(
        kept_id=kept.id,
        gone_id=gone_id,
        numbers=numbers,
        moved={**record, "changes": changes, "made": made, "patient": await take_away(tx, "patient", gone_id)},
        at=now,
        by=by,
        reason=reason,
    )
    tx.add(row)
    _tell_cohorts(tx, kept.id, his - theirs, carried=True, now=now)
    _note(tx, kept.id, MERGED, now=now, by=by, reason=reason, gone=gone_id)
    await tx.flush()
    await ask_retag(tx, [kept.id], now)
    return row


async def unmerge(tx: AsyncSession, merged: PatientMerge, *, now: datetime, by: str) -> Patient:
    """Take a merge back; the patient who is his own again.

    What came for `kept` since stays with him: nobody knows whose it is. Raises MergeError: `undone`, or `merged_since` when `kept` has
    been merged into somebody himself, which has to be undone first.
    """
    await tx.refresh(merged, with_for_update=True)
    if merged.undone_at is not None:
        raise MergeError("undone")
    kept = await tx.get(Patient, merged.kept_id, with_for_update=True)
    if kept is None:
        raise MergeError("merged_since")
    await tx.flush()
    theirs = await _carried(tx, kept.id)
    await put_back(tx, "patient", [merged.moved["patient"]])
    await give_back(tx, merged.moved, merged.gone_id, merged.kept_id)
    await restore(tx, merged.moved["changes"])
    await tx.execute(delete(PatientIdentifier).where(PatientIdentifier.id.in_(merged.moved["made"])))
    merged.undone_at, merged.undone_by = now, by
    await tx.refresh(kept)
    _tell_cohorts(tx, kept.id, theirs - await _carried(tx, kept.id), carried=False, now=now)
    _tell_cohorts(tx, merged.gone_id, await _carried(tx, merged.gone_id), carried=True, now=now)
    _note(tx, kept.id, "unmerged", now=now, by=by, reason=f"merge {merged.id}", gone=merged.gone_id)
    await ask_retag(tx, [merged.kept_id, merged.gone_id], now)
    return await tx.get_one(Patient, merged.gone_id, populate_existing=True)


async def merge_behind(tx: AsyncSession, kept_id: int, numbers: Iterable[str]) -> PatientMerge | None:
    """The newest merge into `kept_id`, not undone, of a patient who had one of these numbers (`system:value`)."""
    merges = select(PatientMerge).where(PatientMerge.kept_id == kept_id, PatientMerge.undone_at.is_(None)).order_by(PatientMerge.id.desc())
    wanted = set(numbers)
    return next((each for each in await tx.scalars(merges) if wanted & set(each.numbers)), None)


async def _end_double_plans(tx: AsyncSession, pair: tuple[int, int], *, now: datetime, by: str) -> None:
    """Of two running plans of one template the one goes on that the family has been asked in more, else that of the first of `pair`."""
    asked = select(func.count()).where(Task.care_plan_id == CarePlan.id, Task.state.not_in(("scheduled", "withdrawn"))).scalar_subquery()
    rows = await tx.execute(
        select(CarePlan, asked).where(CarePlan.patient_id.in_(pair), CarePlan.state.in_(RUNNING)).order_by(CarePlan.id).with_for_update()
    )
    running: dict[str, list[tuple[int, bool, int, CarePlan]]] = {}
    for plan, count in rows:
        running.setdefault(plan.template, []).append((-count, plan.patient_id != pair[0], plan.id, plan))
    for plans in running.values():
        for *_, plan in sorted(plans, key=lambda each: each[:3])[1:]:
            await end_plan(tx, plan, state="withdrawn", by=by, reason=MERGED, now=now)


async def _end_double_tags(tx: AsyncSession, kept: int, gone: int, *, now: datetime, by: str) -> None:
    """A tag that both have is one: what stands with `kept` goes on, except that a tag which is carried wins over one that was refused."""
    other = aliased(PatientTag)
    rows = await tx.execute(
        select(PatientTag, other)
        .join(other, other.tag_id == PatientTag.tag_id)
        .where(PatientTag.patient_id == gone, PatientTag.until.is_(None), other.patient_id == kept, other.until.is_(None))
        .order_by(PatientTag.id)
    )
    for his, theirs in rows.all():
        ending = theirs if his.state in CARRIED and theirs.state not in CARRIED else his
        await move(tx, ending, "ended", moves=PATIENT_TAG_MOVES, at=now, by=by, reason=MERGED, until=now)


async def _carried(tx: AsyncSession, patient_id: int) -> set[int]:
    """The tags that a patient carries, by id."""
    await tx.flush()
    carried = select(PatientTag.tag_id).where(
        PatientTag.patient_id == patient_id, PatientTag.until.is_(None), PatientTag.state.in_(CARRIED)
    )
    return set(await tx.scalars(carried))


def _tell_cohorts(tx: AsyncSession, patient_id: int, tags: set[int], *, carried: bool, now: datetime) -> None:
    """Cohorts, and the plans that begin with them, hear what a patient carries now, or does not any more."""
    tx.add_all(TagChange(patient_id=patient_id, tag_id=tag, carried=carried, at=now) for tag in sorted(tags))


async def _one_primary(tx: AsyncSession, kept: int, gone: int) -> None:
    """Follow-ups go to one carer: the one of `kept`, where he has one."""
    if await tx.scalar(select(PatientCarer.carer_id).where(PatientCarer.patient_id == kept, PatientCarer.primary).limit(1)) is not None:
        for link in await tx.scalars(select(PatientCarer).where(PatientCarer.patient_id == gone, PatientCarer.primary)):
            link.primary = False


async def _settle_proposals(tx: AsyncSession, pair: tuple[int, int], *, now: datetime, by: str) -> None:
    """Whether these two are one has been answered."""
    asked = select(LinkProposal).where(LinkProposal.state == "open", LinkProposal.patient_id.in_(pair), LinkProposal.candidate_id.in_(pair))
    for proposal in await tx.scalars(asked.order_by(LinkProposal.id)):
        await move(tx, proposal, "accepted", moves=PROPOSAL_MOVES, at=now, by=by, reason=MERGED, decided_at=now, decided_by=by)


def _unite(kept: Patient, gone: Patient) -> None:
    """What only one of them knew, both know; a tag that triage needs is never lost."""
    for name in ("sex", "birth_weight_g", "gestational_age_weeks", "birth_order", "died_at"):
        if getattr(kept, name) is None and getattr(gone, name) is not None:
            setattr(kept, name, getattr(gone, name))
    for name in ("tags", "phones", "mother"):
        both = list(dict.fromkeys([*getattr(kept, name), *getattr(gone, name)]))
        if both != getattr(kept, name):
            setattr(kept, name, both)


async def _aliases(tx: AsyncSession, gone: Patient, *, now: datetime, by: str) -> tuple[list[str], list[int]]:
    """The numbers of `gone`, which are aliases from now on, and the ids of those that had to be put on file for it."""
    open_ = (PatientIdentifier.until.is_(None),)
    his = list(await tx.scalars(select(PatientIdentifier).where(PatientIdentifier.patient_id == gone.id, *open_)))
    for each in his:
        each.alias = True
    made = []
    record_number = (PatientIdentifier.system == RECORD_NUMBER, PatientIdentifier.value == gone.record_number)
    if await tx.scalar(select(PatientIdentifier.id).where(*record_number, *open_)) is None:
        made = [PatientIdentifier(patient_id=gone.id, system=RECORD_NUMBER, value=gone.record_number, source=by, since=now, alias=True)]
        tx.add_all(made)
    await tx.flush()
    return [f"{each.system}:{each.value}" for each in his + made], [each.id for each in made]


def _note(tx: AsyncSession, patient_id: int, new: str, *, now: datetime, by: str, reason: str, gone: int) -> None:
    tx.add(StateChange(entity="patient", entity_id=patient_id, old=None, new=new, at=now, by=by, reason=reason, detail={"gone": gone}))
