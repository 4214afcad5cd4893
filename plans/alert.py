"""What a plan's rules want a clinician to know; the caller raises it as a Flag in its own transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from records.chat import Chat
from records.flag import raise_flag

# As much of the family's words as the alert quotes.
QUOTE = 200


@dataclass(frozen=True)
class Alert:
    """`level` and `category` are those of records.flag; `because` is one line for the clinician, `advice` the family's first action.

    `evidence` is what Flag keeps: the rule with its version and source, and what it saw. `advice` never claims that somebody was told.
    """

    level: str
    category: str
    because: str
    evidence: tuple[dict[str, Any], ...]
    rule: str
    advice: str


async def raise_alerts(tx: AsyncSession, chat: Chat, alerts: Iterable[Alert], *, said: str, patient_id: int, now: datetime) -> None:
    """Raise these alerts about a patient, in the words of the family that they come from."""
    for alert in alerts:
        await raise_flag(
            tx,
            chat,
            level=alert.level,
            categories=[alert.category],
            said=said[:QUOTE],
            because=alert.because,
            evidence=[dict(evidence) for evidence in alert.evidence],
            now=now,
            by=alert.rule,
            patient_id=patient_id,
        )
