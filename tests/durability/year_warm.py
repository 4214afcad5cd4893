"""Imported once by the process from which workers are forked: everything that a worker would else read first, each time it is started."""

import importlib
from datetime import UTC, datetime

from plans.questionnaire import newest
from plans.template import load_templates
from tagging.patient import PatientFacts
from tagging.understanding import understand
from tests.durability import year_worker

for name in ("distutils", "procrastinate", "actions.answer", "uvloop", "bot.dialogue.forms"):
    importlib.import_module(name)
WARM = (
    year_worker.work,
    load_templates(),
    newest(),
    understand("昨晚烧到38度5", context="孩子体温多少度？", patient=PatientFacts(age_days=900), now=datetime(2026, 3, 2, tzinfo=UTC)),
)
