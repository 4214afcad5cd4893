"""Everything that can be read, by resource type."""

from functools import cache

from bot.fhir.care import care_plans, communications, flags, responses, tasks
from bot.fhir.findings import conditions, encounters, immunizations, observations
from bot.fhir.ordered import appointments, document_references, medication_requests, service_requests
from bot.fhir.people import groups, patients
from bot.fhir.search import Kind


@cache
def kinds() -> dict[str, Kind]:
    """How each resource type is found and shown."""
    heard = (patients, observations, conditions, encounters, immunizations)
    ordered = (medication_requests, service_requests, appointments, document_references)
    done = (care_plans, tasks, responses, flags, communications, groups)
    return {kind.name: kind for kind in (make() for make in (*heard, *ordered, *done))}
