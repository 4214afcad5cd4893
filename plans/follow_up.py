"""Follow-ups as the dialogue sees them: what to ask, what was answered, what was reported, what is on today."""

from plans.answer import answer, declined_because
from plans.personal import template_of
from plans.question import next_question, opening, questions, reminder
from plans.report import Report, report
from plans.settle import Answer, decline
from plans.template import Question
from plans.today import TodayItem, open_task, today

__all__ = [
    "Answer",
    "Question",
    "Report",
    "TodayItem",
    "answer",
    "decline",
    "declined_because",
    "next_question",
    "open_task",
    "opening",
    "questions",
    "reminder",
    "report",
    "template_of",
    "today",
]
