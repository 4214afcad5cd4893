"""Everything the language rules read in one message."""

from dataclasses import dataclass
from datetime import datetime

from tagging.content import Content, default_content
from tagging.measurement import Measurement, read_measurements
from tagging.medicine import MedicineMention, find_medicines, names_only
from tagging.patient import PatientFacts
from tagging.symptom import SymptomMention, read_symptoms
from tagging.triage import Triage, triage_findings, with_told_facts


@dataclass(frozen=True)
class Understanding:
    """Symptoms, values and medicines in order of appearance, the questions to ask back, and the triage of the same message.

    `symptoms` names each symptom once, and what is well (精神很好); the latter alone are `normal`. `fevers` are the temperatures that
    tell a fever by themselves; they are among the measurements too.
    """

    symptoms: tuple[SymptomMention, ...]
    measurements: tuple[Measurement, ...]
    medicines: tuple[MedicineMention, ...]
    questions: tuple[str, ...]
    triage: Triage
    fevers: tuple[SymptomMention, ...] = ()
    normal: tuple[SymptomMention, ...] = ()

    @property
    def mentions(self) -> tuple[SymptomMention, ...]:
        """All that the message names as a symptom, in words or as a temperature, in order."""
        named = (mention for mention in (*self.symptoms, *self.fevers) if mention not in self.normal)
        return tuple(sorted(named, key=lambda mention: (mention.start, mention.end)))


def understand(text: str, *, context: str | None, patient: PatientFacts, now: datetime, content: Content | None = None) -> Understanding:
    """Read one message. `context` is the line before it, `now` an aware instant in the hospital's zone. Never raises on any text."""
    tables = content or default_content(patient.department)
    known = with_told_facts(text, patient, tables)
    medicines = find_medicines(text)
    said = read_symptoms(text, context=context, medicines=names_only(medicines), content=tables)
    read = read_measurements(text, context=context, patient=known, now=now, content=tables)
    triage = triage_findings(text, said.signs, read.measurements, read.doubtful, patient=known, now=now, content=tables)
    kinds = [(mention, tables.symptoms.concepts[mention.concept].kind) for mention in said.mentions]
    return Understanding(
        symptoms=tuple(mention for mention in said.mentions if not mention.by_value),
        measurements=read.measurements,
        medicines=tuple(medicines),
        questions=read.questions,
        triage=triage,
        fevers=tuple(mention for mention, _ in kinds if mention.by_value),
        normal=tuple(mention for mention, kind in kinds if kind == "normal"),
    )
