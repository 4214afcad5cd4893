"""What the filled-in questionnaires of a team, or of all, come to."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.questionnaire import Questionnaire
from records.questionnaire import QuestionnaireResponse


@dataclass(frozen=True)
class QuestionnaireReport:
    """Responses by state and band; for a survey the share (%) of satisfied answers, overall and by item id, with its number of answers.

    An item that was not answered counts nowhere (clinical reference §5.6).
    """

    states: dict[str, int]
    bands: dict[str, int]
    satisfied: float | None
    items: dict[str, tuple[float, int]]


async def questionnaire_report(tx: AsyncSession, questionnaire: Questionnaire, *, team_id: int | None = None) -> QuestionnaireReport:
    """The report on all versions of `questionnaire`, of one team if given."""
    query = select(QuestionnaireResponse).where(QuestionnaireResponse.questionnaire == questionnaire.id)
    if team_id is not None:
        query = query.where(QuestionnaireResponse.team_id == team_id)
    responses = list(await tx.scalars(query))
    completed = [response for response in responses if response.state == "completed"]
    items: dict[str, tuple[float, int]] = {}
    if questionnaire.satisfied_from is not None:
        for item in questionnaire.items:
            values = [value for each in completed if isinstance(value := each.answers.get(item.id, {}).get("value"), int)]
            if values:
                items[item.id] = (100 * sum(value >= questionnaire.satisfied_from for value in values) / len(values), len(values))
    answers = sum(number for _, number in items.values())
    return QuestionnaireReport(
        states=dict(Counter(response.state for response in responses)),
        bands=dict(Counter(response.band for response in completed if response.band)),
        satisfied=sum(share * number for share, number in items.values()) / answers if answers else None,
        items=items,
    )
