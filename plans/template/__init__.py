"""Plan templates: what a plan asks, tells and reminds of, when, and what that means."""

from plans.template.anchor import anchor_kinds, anchor_title
from plans.template.condition import query_of_condition
from plans.template.plan import PlanTemplate, Texts, read_template
from plans.template.question import Choice, Decline, Question, Reason
from plans.template.shelf import FOLDER, find_template, load_templates, shipped
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
    "anchor_kinds",
    "anchor_title",
    "find_template",
    "load_templates",
    "query_of_condition",
    "read_strict",
    "read_template",
    "shipped",
]
