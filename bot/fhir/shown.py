"""Our rows as FHIR resources. What a resource says stands in one function."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.fhir.codes import (
    CARE_PLAN,
    COMMUNICATION,
    ENCOUNTER,
    ENCOUNTER_CLASS,
    FLAG,
    GENDER,
    OURS,
    RESPONSE,
    TASK,
    address_of,
    category_of,
    id_of,
    numbering,
    observed_codings,
)
from integrations.fhir.write import (
    LOINC,
    TERMINOLOGY,
    Json,
    coding,
    concept,
    day,
    identifier,
    instant,
    made,
    period,
    present,
    quantity,
    reference,
)
from records.care_plan import CarePlan, Task
from records.cohort import Cohort
from records.condition import Condition
from records.encounter import Encounter
from records.flag import Flag
from records.immunization import Immunization
from records.lab_result import LabResult
from records.message import Outbound
from records.observation import Observation
from records.patient import Patient
from records.patient_identifier import RECORD_NUMBER, PatientIdentifier
from records.questionnaire import QuestionnaireResponse
from records.tag import Tag

# Of FHIR's binding for observation interpretations; the marks that our results may carry are all in it.
INTERPRETATION = f"{TERMINOLOGY}/v3-ObservationInterpretation"


def of(patient_id: int) -> Json:
    """A reference to a patient of ours."""
    return reference("Patient", id_of(patient_id))


def patient(row: Patient, numbers: Sequence[PatientIdentifier], team: str) -> Json:
    """Who somebody is. His numbers are those that still count; the record number is the hospital's own word for him."""
    known = dict.fromkeys([*own_number(row), *((one.system, one.value) for one in numbers if not is_private(one))])
    kinds = {RECORD_NUMBER: "MR"}
    return made(
        "Patient",
        id_of(row.id),
        row.changed_at,
        identifier=[identifier(numbering(name), value, kind=kinds.get(name)) for name, value in known],
        active=True,
        name=[{"use": "official", "text": row.name}],
        telecom=[{"system": "phone", "value": phone} for phone in row.phones or []],
        gender=GENDER.get(row.sex or "", "unknown"),
        birthDate=day(row.birth_date),
        deceasedDateTime=instant(row.died_at),
        multipleBirthInteger=row.birth_order,
        managingOrganization=reference("Organization", display=team),
    )


def own_number(row: Patient) -> list[tuple[str, str]]:
    """The record number; none where another number with its system (`inpatient-number:B7`) stands in for it, which is told by itself."""
    return [] if ":" in row.record_number else [(RECORD_NUMBER, row.record_number)]


def replaced_patient(resource_id: str, kept_id: int, at: datetime) -> Json:
    """Somebody who was merged into another: that he is, and into whom."""
    link = {"other": of(kept_id), "type": "replaced-by"}
    return made("Patient", resource_id, at, active=False, link=[link])


def is_private(number: PatientIdentifier) -> bool:
    """Whether a number only helps us: one of somebody who was merged into this patient, or what a sender calls him in its references."""
    return number.alias or number.system.endswith(":fhir:id")


def observation(row: Observation, name: str | None) -> Json:
    """What a family or a device told, or a message measured."""
    words = row.text if row.value is None else None
    return made(
        "Observation",
        id_of(row.id, "o"),
        row.changed_at,
        status=row.status,
        category=[concept(coding(f"{TERMINOLOGY}/observation-category", category_of(row.code)))],
        code=concept(*observed_codings(row.code, name), text=name or row.code),
        subject=of(row.patient_id),
        effectiveDateTime=instant(row.effective_at),
        issued=instant(row.recorded_at),
        valueQuantity=quantity(row.value, row.unit, ucum=True) if row.value is not None else None,
        valueString=words,
        dataAbsentReason=concept(coding(f"{TERMINOLOGY}/data-absent-reason", "unknown")) if row.value is None and not words else None,
        note=[{"text": row.text}] if row.text and not words else [],
    )


def lab_result(row: LabResult) -> Json:
    """One item of a report of the laboratory, as written."""
    codings = [coding(LOINC, row.code)] if row.code else []
    plain = row.value is not None and row.text.strip().replace(".", "", 1).lstrip("-").isdigit()
    return made(
        "Observation",
        id_of(row.id, "l"),
        row.changed_at,
        status=row.status,
        category=[concept(coding(f"{TERMINOLOGY}/observation-category", "laboratory"))],
        code=concept(*codings, text=row.item),
        subject=of(row.patient_id),
        effectiveDateTime=instant(row.collected_at),
        issued=instant(row.released_at),
        valueQuantity=quantity(row.value, row.unit, ucum=False) if plain and row.value is not None else None,
        valueString=None if plain else row.text,
        dataAbsentReason=None if plain or row.text else concept(coding(f"{TERMINOLOGY}/data-absent-reason", "unknown")),
        interpretation=[concept(coding(INTERPRETATION, row.flag))] if row.flag else [],
        referenceRange=[{"text": row.reference_range}] if row.reference_range else [],
        note=[{"text": row.report}] if row.report else [],
    )


def condition(row: Condition) -> Json:
    """A diagnosis in the doctor's words."""
    address = address_of(row.system)
    codings = [coding(address, row.code)] if row.code and address else []
    if row.icd10 and not (codings and row.code == row.icd10):
        codings.append(coding("http://hl7.org/fhir/sid/icd-10", row.icd10))
    return made(
        "Condition",
        id_of(row.id),
        row.changed_at,
        clinicalStatus=concept(coding(f"{TERMINOLOGY}/condition-clinical", "active" if row.status == "active" else "inactive")),
        code=concept(*codings, text=row.text),
        subject=of(row.patient_id),
        onsetDateTime=instant(row.onset_at),
        recordedDate=instant(row.recorded_at),
    )


def encounter(row: Encounter) -> Json:
    """A stay or visit."""
    code = ENCOUNTER_CLASS.get(row.kind, "AMB")
    places = [{"location": reference("Location", display=place)} for place in (row.ward, row.room, row.bed) if place]
    return made(
        "Encounter",
        id_of(row.id),
        row.changed_at,
        status=ENCOUNTER[row.state],
        class_=coding(f"{TERMINOLOGY}/v3-ActCode", code),
        serviceType=concept(text=row.department) if row.department else None,
        subject=of(row.patient_id),
        period=period(row.started_at, row.ended_at),
        location=places,
    )


def immunization(row: Immunization) -> Json:
    """One dose of a vaccine, given or not."""
    address = address_of(row.system)
    return made(
        "Immunization",
        id_of(row.id),
        row.changed_at,
        status=row.status if row.status in ("completed", "not-done") else "entered-in-error",
        vaccineCode=concept(*([coding(address, row.code)] if row.code and address else []), text=row.vaccine),
        patient=of(row.patient_id),
        occurrenceDateTime=instant(row.given_at),
        lotNumber=row.lot,
        protocolApplied=[{"doseNumberPositiveInt": row.dose_number}] if row.dose_number else [],
    )


def care_plan(row: CarePlan, title: str | None) -> Json:
    """A patient's enrolment in one version of a plan."""
    return made(
        "CarePlan",
        id_of(row.id),
        row.changed_at,
        instantiatesUri=[f"{OURS}:plan:{row.template}:{row.template_version}"],
        status=CARE_PLAN[row.state],
        intent="plan",
        title=title or row.template,
        subject=of(row.patient_id),
        period=period(row.created_at, None),
        created=instant(row.created_at),
    )


def task(row: Task) -> Json:
    """One follow-up: when it is due, how it stands, and which observations came of it."""
    found = [number for answer in (row.answers or {}).values() if isinstance(answer, dict) for number in answer.get("observations") or []]
    outputs = [
        {"type": concept(text="Observation"), "valueReference": reference("Observation", id_of(number, "o"))}
        for number in dict.fromkeys(found)
        if isinstance(number, int)
    ]
    return made(
        "Task",
        id_of(row.id),
        row.changed_at,
        basedOn=[reference("CarePlan", id_of(row.care_plan_id))],
        status=TASK[row.state],
        businessStatus=concept(coding(f"{OURS}:task-state", row.state), text=row.outcome),
        intent="plan",
        code=concept(coding(f"{OURS}:step", row.step), text=row.step),
        for_=of(row.patient_id),
        executionPeriod=period(row.sent_at, row.closed_at),
        lastModified=instant(row.changed_at),
        restriction={"period": period(row.due_at, row.useful_until)},
        output=outputs,
    )


def questionnaire_response(row: QuestionnaireResponse, items: Mapping[str, str]) -> Json:
    """A questionnaire as far as it is filled in; `items` are the words of its questions."""
    answered = [
        present({"linkId": link, "text": items.get(link), "answer": _answer(given.get("value"))})
        for link, given in (row.answers or {}).items()
        if isinstance(given, dict)
    ]
    scored = [{"url": f"{OURS}:score", "valueDecimal": row.score}] if row.score is not None else []
    banded = [{"url": f"{OURS}:score-band", "valueString": row.band}] if row.band else []
    return made(
        "QuestionnaireResponse",
        id_of(row.id),
        row.changed_at,
        extension=[*scored, *banded],
        questionnaire=f"{OURS}:questionnaire:{row.questionnaire}|{row.version}",
        status=RESPONSE[row.state],
        subject=of(row.patient_id) if row.patient_id is not None else None,
        authored=instant(row.completed_at or row.created_at),
        item=answered,
    )


def _answer(value: Any) -> list[Json]:
    """One answer; a question that was passed over has none."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int):
        return [{"valueInteger": value}]
    return [{"valueDecimal": value}] if isinstance(value, float) else [{"valueString": str(value)}] if str(value).strip() else []


def flag(row: Flag) -> Json:
    """An alert. The family's own words are not in it."""
    return made(
        "Flag",
        id_of(row.id),
        row.changed_at,
        status=FLAG[row.state],
        category=[concept(coding(f"{OURS}:level", row.level))],
        code=concept(*(coding(f"{OURS}:alert", each) for each in dict.fromkeys([row.category, *row.categories])), text=row.because),
        subject=of(row.patient_id) if row.patient_id is not None else None,
        period=period(row.raised_at, row.closed_at),
    )


def communication(row: Outbound, task: Task) -> Json:
    """A message of a follow-up to the family."""
    words = (row.payload.get("text") or {}).get("content")
    return made(
        "Communication",
        id_of(row.seq),
        row.sent_at or row.created_at,
        basedOn=[reference("Task", id_of(task.id))],
        status=COMMUNICATION[row.state],
        statusReason=concept(coding(f"{OURS}:not-sent", row.error)) if row.error and row.state in ("failed", "withdrawn") else None,
        category=[concept(coding(f"{OURS}:purpose", row.purpose))],
        subject=of(task.patient_id),
        sent=instant(row.sent_at),
        payload=[{"contentString": words}] if isinstance(words, str) and words.strip() else [],
    )


def group(part: str, row: Cohort | Tag, members: Sequence[int] | None, count: int) -> Json:
    """A cohort, or the patients who carry a tag; `members` None leaves them out and says so."""
    subset = coding(f"{TERMINOLOGY}/v3-ObservationValue", "SUBSETTED")
    return made(
        "Group",
        id_of(row.id, part),
        row.updated_at if isinstance(row, Tag) else row.at,
        meta={"tag": [subset]} if members is None else {},
        active=row.active if isinstance(row, Tag) else row.state == "active",
        type="person",
        actual=True,
        code=concept(coding(f"{OURS}:tag", row.code, row.name), text=row.name) if isinstance(row, Tag) else None,
        name=row.name,
        quantity=count,
        member=[{"entity": of(one)} for one in members or []],
    )
