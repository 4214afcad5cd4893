"""Consent: what is asked, what was answered, and what follows when it is withdrawn."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.carers import carers_of, part
from plans.enrolment import RUNNING, end_plan
from records.care_plan import CarePlan
from records.chat import Chat
from records.consent import Consent
from records.flag import raise_flag
from records.patient import Carer, Patient

# What a consent on paper, put on file at the hospital, says instead of a version.
ON_PAPER = "paper"
WITHDRAWN = "consent_withdrawn"


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("privacy.yml").read_text("utf-8"))
    return loaded


def text_version() -> str:
    """The version of the words that are shown now."""
    return str(_texts()["version"])


def ask_consent(name: str, role: str, whose: Literal["guardian", "other", "self"]) -> str:
    """The consent question, as put to the `role` of the child."""
    texts = _texts()
    return str(texts["ask"]).format(name=name, role=role, whose=texts["whose"][whose].format(name=name, role=role))


def in_detail(name: str) -> str:
    """What is said to a carer who wants to know more before answering."""
    return str(_texts()["more"]).format(name=name)


def about() -> str:
    """What is said to whoever asks what becomes of what he writes."""
    return str(_texts()["about"])


def record(
    tx: AsyncSession,
    patient: Patient,
    *,
    carer: Carer | None,
    external_userid: str,
    answer: Literal["given", "refused", "withdrawn"],
    relationship: str,
    now: datetime,
    said: str | None = None,
    message_id: int | None = None,
    by: str = "family",
    version: str | None = None,
) -> None:
    """Write an answer down. Rows are only ever added."""
    tx.add(
        Consent(
            patient_id=patient.id,
            carer_id=carer.id if carer is not None else None,
            external_userid=external_userid,
            answer=answer,
            text_version=version or text_version(),
            relationship=relationship,
            said=said,
            message_id=message_id,
            by=by,
            at=now,
        )
    )


async def withdraw(
    tx: AsyncSession, chat: Chat, carer: Carer, patients: Sequence[Patient], *, said: str, message_id: int | None, now: datetime
) -> str:
    """End what `carer` agreed to for these children, tell a nurse, and what the family is told.

    The carer is unbound. When he was the one whom follow-ups go to, the children's plans end too: nobody else is asked in his place
    without a nurse having spoken with the family.
    """
    texts, ended, relationship = _texts(), 0, ""
    for patient in patients:
        link = next((link for link, each in await carers_of(tx, patient.id, lock=True) if each.id == carer.id), None)
        if link is None:
            continue
        relationship = link.relationship
        record(
            tx, patient, carer=carer, external_userid=chat.external_userid, answer="withdrawn", relationship=relationship, now=now,
            said=said, message_id=message_id,
        )  # fmt: skip
        if link.primary:
            running = await tx.scalars(select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.state.in_(RUNNING)))
            for plan in running.all():
                await end_plan(tx, plan, state="withdrawn", by="family", reason=WITHDRAWN, now=now)
                ended += 1
        await part(tx, patient, carer, by="family", reason=WITHDRAWN, now=now)
    names = "、".join(patient.name for patient in patients)
    because = str(texts["because"]).format(relationship=relationship, names=names, plans=texts["plans_ended"] if ended else "")
    await raise_flag(
        tx,
        chat,
        level="same_day",
        categories=[WITHDRAWN],
        said=said,
        because=because,
        evidence=[{"rule": WITHDRAWN, "version": 1, "because": because}],
        now=now,
        by="dialogue",
        patient_id=patients[0].id if patients else None,
    )
    return str(texts["withdrawn"]).format(names=names)
