"""The alert that triage calls for, raised the same way for what was written and for what was photographed."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.jobs import DANGER, Job, defer
from bot.texts import reasons, say
from plans.alert import Alert
from plans.clarify_talk import told_in
from records.chat import Chat
from records.flag import raise_flag, raised
from records.patient import Patient
from tagging.triage import Triage

# As much of the family's words, and of the reasons, as a card shows.
QUOTE = 200


async def raise_triage(
    tx: AsyncSession, chat: Chat, patient: Patient | None, triage: Triage, *, said: str, now: datetime, **marks: str
) -> None:
    """Raise the flag for `triage`, which is above routine, with what clarifying questions have brought.

    `marks` are kept with each piece of its evidence.
    """
    because = "；".join(part for part in (reasons([each.because for each in triage.evidence]), await told_in(tx, chat)) if part)
    await raise_flag(
        tx,
        chat,
        level=triage.level,
        categories=list(triage.categories),
        said=said[:QUOTE],
        because=because[:QUOTE],
        evidence=[{**asdict(evidence), **marks} for evidence in triage.evidence],
        now=now,
        patient_id=patient.id if patient is not None else None,
    )
    metrics.FLAGS.labels(triage.level).inc()


async def escalate_raised(tx: AsyncSession) -> None:
    """Let the alerts that this transaction raised go out as soon as it is there."""
    await defer(tx, [Job("escalate", str(flag), lock=f"flag:{flag}") for flag in raised(tx)], priority=DANGER)


def advice_of(alert: Alert, *, notified: bool, phone: str) -> str:
    """The family's first action, and what is true: somebody was told, or whom to ring."""
    who = say("family.picture.advice_team") if notified else say("family.picture.advice_ring", phone=phone)
    return f"{alert.advice}{who}"
