"""Imported once by the process from which workers are forked: everything that a worker would else read first, each time it is started."""

import importlib
import signal
from datetime import UTC, datetime

from sqlalchemy.orm import configure_mappers

from plans.adaptation.rule import shipped_rules as rules_of_care
from plans.alike import cutter
from plans.content.shipped import shipped_contents
from plans.questionnaire import newest
from plans.template import load_templates
from tagging.patient import PatientFacts
from tagging.tags.noted import read_note
from tagging.tags.rules import shipped_rules as rules_of_tags
from tagging.tags.told import read_told
from tagging.understanding import understand
from tests.durability import year_worker
from tests.durability.file_clock import MOVED

# Until a worker listens.
signal.signal(MOVED, signal.SIG_IGN)
for name in ("distutils", "procrastinate", "actions.answer", "uvloop", "bot.dialogue.forms"):
    importlib.import_module(name)
configure_mappers()
WARM = (
    year_worker.work,
    load_templates(),
    newest(),
    shipped_contents(),
    rules_of_care(),
    rules_of_tags(),
    read_told(""),
    read_note(""),
    cutter(),
    understand("昨晚烧到38度5", context="孩子体温多少度？", patient=PatientFacts(age_days=900), now=datetime(2026, 3, 2, tzinfo=UTC)),
)
