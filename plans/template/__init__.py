"""Plan templates: what a plan asks, tells and reminds of, when, and what that means."""

from plans.template.plan import PlanTemplate, Texts, read_template
from plans.template.question import Choice, Decline, Question, Reason
from plans.template.shelf import FOLDER, find_template, load_templates
from plans.template.step import Missed, Range, Reminder, Step
from plans.template.strict import Strict, TemplateError, read_strict
from plans.template.timing import Cycle, Phase, Until, Useful

__all__ = [
    "FOLDER",
    "Choice",
    "Cycle",
    "Decline",
    "Missed",
    "Phase",
    "PlanTemplate",
    "Question",
    "Range",
    "Reason",
    "Reminder",
    "Step",
    "Strict",
    "TemplateError",
    "Texts",
    "Until",
    "Useful",
    "find_template",
    "load_templates",
    "read_strict",
    "read_template",
]
