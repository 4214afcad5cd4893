"""A family has identity data corrected: filed on its pages, decided by its team, which says why when it does not."""

import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.errand import close_errand
from records.correction import CORRECTION_MOVES, Correction
from records.errand import Errand, raise_errand
from records.patient import Carer, Patient, PatientCarer
from records.retag import ask_retag
from records.said import say, stamp
from records.staff import Staff
from records.state import StateChange, created, move
from tagging.particulars import read_phone

FIELDS = ("name", "sex", "birth_date", "phone", "relationship", "other")
# What the hospital's messages say of a patient; what is said by hand stands until a later message says otherwise.
_SAID = ("name", "sex", "birth_date", "phones", "birth_order", "mother", "birth_weight_g", "gestational_age_weeks", "died_at")
KIND = "correction"
# So long a text may be, and so many requests of one child may be open.
LONGEST, MOST_OPEN = 200, 5
# Nobody is older.
OLDEST = 130
_NAME = re.compile(r"[\w·•. \-]{1,40}")


class CorrectionError(Exception):
    """What cannot be asked for or done; `code` is field, unchanged, name, sex, birth_date, phone, relationship, other, open_already,
    too_many, incomplete or not_open."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@cache
def words() -> dict[str, Any]:
    """What is said of corrections; see correction.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
    return loaded


def read_wanted(field: str, text: str, today: date) -> str:
    """What is wanted, as it is kept: a date in ISO 8601, sex as M or F, a telephone as digits. Raises CorrectionError with the field."""
    text = " ".join(text.split())
    if field not in FIELDS:
        raise CorrectionError("field")
    if not text or len(text) > LONGEST:
        raise CorrectionError(field)
    if field == "sex":
        known = {said: code for code, said in words()["sexes"].items()} | {code: code for code in words()["sexes"]}
        if text not in known:
            raise CorrectionError(field)
        return str(known[text])
    if field == "birth_date":
        try:
            born = date.fromisoformat(text)
        except ValueError as err:
            raise CorrectionError(field) from err
        if born > today or born.year < today.year - OLDEST:
            raise CorrectionError(field)
        return born.isoformat()
    if field == "phone":
        if (phone := read_phone(text)) is None:
            raise CorrectionError(field)
        return phone
    if field in ("name", "relationship") and _NAME.fullmatch(text) is None:
        raise CorrectionError(field)
    return text


async def on_file(tx: AsyncSession, patient: Patient, carer: Carer, field: str) -> str:
    """What stands there now; empty where nothing does."""
    if field == "relationship":
        link = await tx.get(PatientCarer, (patient.id, carer.id))
        return link.relationship if link is not None else ""
    found = {"name": patient.name, "sex": patient.sex, "birth_date": patient.birth_date.isoformat(), "phone": carer.phone}
    return found.get(field) or ""


async def file_correction(
    tx: AsyncSession, patient: Patient, carer: Carer, *, field: str, wanted: str, said: str, now: datetime, today: date
) -> Correction:
    """Put a family's request on file, and on the list of the child's team. The caller has made sure that the carer speaks for the child.

    Raises CorrectionError.
    """
    wanted, was = read_wanted(field, wanted, today), await on_file(tx, patient, carer, field)
    if wanted == was:
        raise CorrectionError("unchanged")
    # Who sends a form twice at once waits here, and is told.
    await tx.refresh(patient, with_for_update=True)
    open_ = select(Correction.field, Correction.carer_id).where(Correction.patient_id == patient.id, Correction.state == "open")
    waiting = list(await tx.execute(open_))
    if (field, carer.id) in waiting:
        raise CorrectionError("open_already")
    if len(waiting) >= MOST_OPEN:
        raise CorrectionError("too_many")
    row = Correction(patient_id=patient.id, carer_id=carer.id, field=field, was=was, wanted=wanted, said=said[:LONGEST], filed_at=now)
    tx.add(row)
    await tx.flush()
    created(tx, row, at=now, by="family")
    what = words()["errand"].format(field=words()["fields"][field])
    await raise_errand(tx, patient, kind=KIND, text=what, because=words()["because"], key=f"{KIND}:{row.id}", now=now, by="family")
    return row


async def apply_correction(tx: AsyncSession, row: Correction, patient: Patient, staff: Staff, *, answer: str, now: datetime) -> None:
    """Change it as the family asked, and write down that it was changed, without the words. `other` has been done by hand.

    Raises CorrectionError (not_open).
    """
    await _decide(tx, row, "applied", staff, answer or None, now)
    carer, new = await tx.get_one(Carer, row.carer_id), row.wanted
    fields: dict[str, Any] = dict.fromkeys(_SAID)
    if row.field == "birth_date":
        fields["birth_date"] = date.fromisoformat(new)
    elif row.field == "phone":
        fields["phones"] = [new, *(each for each in patient.phones if each not in (new, carer.phone))]
        carer.phone = new
    elif row.field == "relationship":
        link = await tx.get(PatientCarer, (patient.id, carer.id))
        if link is not None:
            link.relationship = new
    elif row.field in _SAID:
        fields[row.field] = new
    say(patient, stamp(now, f"{KIND}{row.id}"), fields)
    detail = {"fields": [row.field]}
    change = {"entity": "patient", "entity_id": patient.id, "old": "on_file", "new": "corrected", "at": now, "by": staff.userid}
    tx.add(StateChange(**change, reason=f"{KIND}:{row.id}", detail=detail))
    await tx.flush()
    await ask_retag(tx, [patient.id], now)


async def refuse_correction(tx: AsyncSession, row: Correction, staff: Staff, *, answer: str, now: datetime) -> None:
    """Leave it as it is, and say why. Raises CorrectionError (incomplete, not_open)."""
    if not answer:
        raise CorrectionError("incomplete")
    await _decide(tx, row, "refused", staff, answer, now)


def told(row: Correction) -> str:
    """What the family is told of what became of it; no word of what is on file."""
    answer = row.answer or ""
    answer = f"{answer}。" if answer and answer[-1] not in "。！？.!?" else answer
    return str(words()[row.state].format(field=words()["fields"][row.field], answer=answer))


async def open_corrections(tx: AsyncSession, team_ids: list[int], limit: int = 200) -> list[tuple[Correction, Patient, Carer]]:
    """What these teams have to decide, the oldest first."""
    query = (
        select(Correction, Patient, Carer)
        .join(Patient, Patient.id == Correction.patient_id)
        .join(Carer, Carer.id == Correction.carer_id)
        .where(Correction.state == "open", Patient.team_id.in_(team_ids))
        .order_by(Correction.filed_at, Correction.id)
        .limit(limit)
    )
    return [(row, patient, carer) for row, patient, carer in await tx.execute(query)]


async def _decide(tx: AsyncSession, row: Correction, state: str, staff: Staff, answer: str | None, now: datetime) -> None:
    await tx.refresh(row, attribute_names=["state"], with_for_update=True)
    if row.state != "open":
        raise CorrectionError("not_open")
    await move(tx, row, state, moves=CORRECTION_MOVES, at=now, by=staff.userid, decided_by=staff.id, decided_at=now, answer=answer)
    errand = await tx.scalar(select(Errand).where(Errand.key == f"{KIND}:{row.id}").with_for_update())
    if errand is not None:
        await close_errand(tx, errand, "done", by=staff.userid, outcome=state, now=now)
