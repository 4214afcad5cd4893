"""Everything the language rules read in one message."""

from dataclasses import dataclass
from datetime import datetime

from tagging.content import Content, default_content
from tagging.measurement import Measurement, find_measurements
from tagging.medicine import MedicineMention, find_medicines
from tagging.patient import PatientFacts
from tagging.symptom import SymptomMention, find_symptoms
from tagging.triage import Triage, triage_findings, with_age_from_text


@dataclass(frozen=True)
class Understanding:
    """Symptoms, values and medicines in order of appearance, the questions to ask back, and the triage of the same message."""

    symptoms: tuple[SymptomMention, ...]
    measurements: tuple[Measurement, ...]
    medicines: tuple[MedicineMention, ...]
    questions: tuple[str, ...]
    triage: Triage


def understand(text: str, *, context: str | None, patient: PatientFacts, now: datetime, content: Content | None = None) -> Understanding:
    """Read one message. `context` is the line before it, `now` an aware instant in the hospital's zone. Never raises on any text."""
    tables = content or default_content()
    known = with_age_from_text(text, patient, tables)
    mentions = find_symptoms(text, context=context, content=tables)
    measurements, questions = find_measurements(text, context=context, patient=known, now=now, content=tables)
    triage = triage_findings(text, mentions, measurements, patient=known, now=now, content=tables)
    return Understanding(tuple(mentions), tuple(measurements), tuple(find_medicines(text)), tuple(questions), triage)
