"""What the kinds of steps have in common: which are a conversation, which are told, and which want an answer at all."""

from plans.template import Step
from plans.template.step import ASKS, REMINDS

# A conversation of its own, one at a time.
TALKS = ASKS | {"questionnaire"}
# Said, and that is all.
TELLS = frozenset({"message", "education"})
# How long a family takes for a question, for the "about so many minutes" of an opening (R: own estimate).
SECONDS_A_QUESTION, SECONDS_A_QUESTIONNAIRE = 20, 180


def wants_answer(step: Step) -> bool:
    """Whether silence means that the family missed it.

    What asks does. A reminder of a visit does where the template reminds again or says what missing it means; else it is done when
    it was told.
    """
    return step.kind in TALKS or (step.kind in REMINDS and bool(step.reminders or step.missed))


def seconds(step: Step) -> int:
    """About how long the family needs for it."""
    if step.kind == "questionnaire":
        return SECONDS_A_QUESTIONNAIRE
    return SECONDS_A_QUESTION * len([question for question in step.questions if not question.only_if])
