"""What programs send: brought into the record before they are answered, all of a transaction or nothing of it."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply import ApplyError, NeedsPerson, apply
from bot.apply.link import numbers_known
from bot.fhir.codes import PREFIX, id_of, row_of
from bot.fhir.refusal import FhirRefusal, issue_of
from bot.fhir.source import source_of
from bot.intake.readers import VERSION
from integrations.event import Identifier, Message, PatientMerge, Person
from integrations.fhir.bundle import Entry, Part, as_sent, messages
from integrations.fhir.coded import own_id
from integrations.fhir.document import FhirError, text
from integrations.fhir.person import Within, person_of
from integrations.fhir.read import READERS, key_of
from integrations.fhir.write import Json, outcome
from records.appointment import Appointment
from records.clinical_note import ClinicalNote
from records.condition import Condition
from records.encounter import Encounter
from records.feed import Feed, count_outcomes, message_row, store_messages
from records.fhir_client import FhirClientTeam, access_patient_as_client
from records.identity import known_as
from records.immunization import Immunization
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.observation import Observation
from records.patient import AccessRefused
from records.patient_identifier import PatientIdentifier
from records.service_request import ServiceRequest

# A body above this size takes more than 20 ms to read: it leaves the event loop.
READ_ASIDE = 100 << 10
# Where the rows of a resource type stand, and which part of its ids they have.
TABLES: Mapping[str, tuple[tuple[Any, str], ...]] = {
    "Observation": ((Observation, "o"), (LabResult, "l")),
    "Condition": ((Condition, ""),),
    "Encounter": ((Encounter, ""),),
    "Immunization": ((Immunization, ""),),
    "MedicationRequest": ((MedicationRequest, ""),),
    "ServiceRequest": ((ServiceRequest, ""),),
    "Appointment": ((Appointment, ""),),
    "DocumentReference": ((ClinicalNote, ""),),
}


class _TakeBack(Exception):
    """Ends a savepoint whose changes are not to stay."""


@dataclass(frozen=True)
class Sender:
    """The program that sends, and the feed in which its messages arrive."""

    client_id: int
    name: str
    feed: Feed


@dataclass(frozen=True)
class Taken:
    """What became of one part: its entries with the address under which each can be read here (None: under none), or why not."""

    part: Part
    addresses: Mapping[str, str] = field(default_factory=dict)
    refusal: FhirRefusal | None = None
    trial: bool = False


async def parts_of(document: dict[str, Any], sender: Sender, *, size: int, now: datetime, zone: ZoneInfo) -> list[Part]:
    """The messages of a document. Raises FhirError."""
    source = source_of(sender.feed.name, sender.feed.settings, now, zone)
    return await asyncio.to_thread(messages, document, source) if size > READ_ASIDE else messages(document, source)


async def take(tx: AsyncSession, sender: Sender, part: Part, body: bytes, *, now: datetime, zone: ZoneInfo) -> Taken:
    """Bring one part into the record, in a savepoint of its own, and keep it as it came.

    What a person has to decide, or what cannot be applied, is kept for the feed's dead letters; nothing of it stays in the record. Raises
    what the database raises.
    """
    if part.message is None:
        error = part.error or FhirError("not_a_resource")
        return Taken(part, refusal=FhirRefusal(error.code, path=error.path))
    message, addresses = part.message, {}
    trial = message.test or sender.feed.sandbox
    try:
        with suppress(_TakeBack):
            async with tx.begin_nested():
                await _note_our_ids(tx, sender, message, now)
                # A trial is tried as if it counted; only then is it known to be good.
                tried = replace(message, test=False)
                await apply(tx, tried, feed=sender.feed.name, received_at=now, now=now, zone=zone)
                patients = await _patients(tx, sender, message)
                addresses = await _addresses(tx, sender, part, patients, now, zone)
                if trial:
                    raise _TakeBack
    except NeedsPerson as err:
        await _keep(tx, sender, message, body, now, dead=err.code)
        await err.ask(tx, now)
        return Taken(part, refusal=FhirRefusal(err.code))
    except ApplyError as err:
        if err.code in ("not_on_file", "no_patient"):
            return Taken(part, refusal=FhirRefusal("no_patient"))
        if err.permanent:
            await _keep(tx, sender, message, body, now, dead=err.code)
        return Taken(part, refusal=FhirRefusal(err.code if err.permanent else "later"))
    except (DataError, IntegrityError):
        # Something that no column can hold: it is this part's fault alone.
        await _keep(tx, sender, message, body, now, dead="unprocessable")
        return Taken(part, refusal=FhirRefusal("unprocessable"))
    await _keep(tx, sender, message, body, now, ignored=trial or not message.events)
    return Taken(part, addresses, trial=trial)


async def _note_our_ids(tx: AsyncSession, sender: Sender, message: Message, now: datetime) -> None:
    """Who is meant by an id of ours is noted as one of the sender's numbers for him, if the sender may see him. Raises ApplyError."""
    ours = {each.value for each in _numbers(message) if each == own_id(sender.feed.name, each.value) and each.value.startswith(PREFIX)}
    for value in sorted(ours):
        found = row_of(value)
        try:
            if found is None or found[0]:
                raise AccessRefused(value)
            patient = await access_patient_as_client(tx, sender.client_id, found[1], now=now, why="fhir:write")
        except AccessRefused as err:
            raise ApplyError("no_patient") from err
        number = own_id(sender.feed.name, value)
        row = {
            "patient_id": patient.id, "system": number.system, "value": number.value, "source": sender.feed.name, "since": now,
            "alias": False,
        }  # fmt: skip
        await tx.execute(insert(PatientIdentifier).values(row).on_conflict_do_nothing())


def _people(message: Message) -> list[Person]:
    people = [event.person for event in message.events]
    return list(dict.fromkeys([*people, *(event.gone for event in message.events if isinstance(event, PatientMerge))]))


def _numbers(message: Message) -> list[Identifier]:
    return list(dict.fromkeys(number for person in _people(message) for number in person.identifiers))


async def _patients(tx: AsyncSession, sender: Sender, message: Message) -> dict[Identifier, int]:
    """The patients whom the message was about. Raises ApplyError no_patient where one of them is not the sender's to see."""
    numbers = list(dict.fromkeys(number for person in _people(message) for number in known_as(person).identifiers))
    known = await numbers_known(tx, numbers)
    teams = set(await tx.scalars(select(FhirClientTeam.team_id).where(FhirClientTeam.client_id == sender.client_id)))
    for person in _people(message):
        found = [known[number] for number in known_as(person).identifiers if number in known]
        if not found or any(patient.team_id not in teams for patient in found):
            raise ApplyError("no_patient")
    return {number: patient.id for number, patient in known.items()}


async def _addresses(
    tx: AsyncSession, sender: Sender, part: Part, patients: Mapping[Identifier, int], now: datetime, zone: ZoneInfo
) -> dict[str, str]:
    """Under which address of ours each entry can be read, by its path."""
    source = source_of(sender.feed.name, sender.feed.settings, now, zone)
    found: dict[str, str] = {}
    keys: dict[str, dict[str, list[str]]] = {}
    for entry in part.entries:
        if entry.kind in TABLES:
            sent = as_sent(source, entry)
            key = (entry.kind == "Encounter" and text(entry.resource, "identifier", "value")) or key_of(entry.resource, sent)
            keys.setdefault(entry.kind, {}).setdefault(key, []).append(entry.path)
    for kind, paths in keys.items():
        for table, mark in TABLES[kind]:
            rows = select(table.source_id, table.id).where(table.source == sender.feed.name, table.source_id.in_(list(paths)))
            for key, number in await tx.execute(rows):
                found |= {path: f"{kind}/{id_of(number, mark)}" for path in paths[key]}
    for entry in part.entries:
        if entry.kind == "Patient":
            person = known_as(person_of(entry.resource, as_sent(source, entry), Within({})))
            whose = next((patients[number] for number in person.identifiers if number in patients), None)
            found |= {entry.path: f"Patient/{id_of(whose)}"} if whose is not None else {}
    return found


async def _keep(
    tx: AsyncSession, sender: Sender, message: Message, body: bytes, now: datetime, *, dead: str | None = None, ignored: bool = False
) -> None:
    """Keep the message as it came, with what became of it. The same one that cannot be applied is kept once."""
    numbers = _numbers(message)
    state = "dead" if dead is not None else "ignored" if ignored else "applied"
    row = message_row(
        feed_id=sender.feed.id,
        key=message.id if dead is not None else f"{message.id[:160]}@{now.isoformat()}",
        body=body,
        received_at=now,
        connection=f"fhir:{sender.name}",
        kind=message.kind,
        order_key=f"{numbers[0].system}:{numbers[0].value}" if numbers else sender.name,
        control_id=message.id,
        event_at=message.at,
        refused=dead,
    )
    done = {"state": state, "attempts": 1, "parser_version": VERSION, "applied_at": now if dead is None else None}
    await store_messages(tx, [row | done])
    await count_outcomes(tx, sender.feed.id, applied=int(state == "applied"), ignored=int(state == "ignored"))


def check_entries(entries: Iterable[Entry]) -> None:
    """That every entry of a Bundle is sent to where its resource belongs, and none changes what is ours. Raises FhirRefusal."""
    for entry in entries:
        kind, _, resource_id = (entry.url or "").partition("?")[0].partition("/")
        where = entry.path.removesuffix(".resource")
        if entry.method not in ("POST", "PUT"):
            raise FhirRefusal("not_supported", path=f"{where}.request.method")
        if kind != entry.kind:
            raise FhirRefusal("wrong_type", path=f"{where}.request.url")
        check_id(entry, resource_id, path=f"{where}.request.url")


def check_id(entry: Entry, resource_id: str, *, path: str) -> None:
    """That a PUT names the resource that it carries, and none of ours. Raises FhirRefusal."""
    own = text(entry.resource, "id") or ""
    if entry.method == "PUT" and resource_id and own != resource_id:
        raise FhirRefusal("wrong_id", path=path)
    if own.startswith(PREFIX) and row_of(own) is not None and entry.method == "PUT":
        raise FhirRefusal("ours", path=path)


def as_bytes(resource: dict[str, Any]) -> bytes:
    """A resource as a document of its own, its decimals as they were written (5.10 is not 5.1)."""
    return _WRITTEN.sub(r"\1", json.dumps(resource, default=lambda number: f"\1{number}\1")).encode()


# A decimal on its way through json, which would write it as a float.
_WRITTEN = re.compile(r'"\\u0001(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\\u0001"')


def response_of(taken: Taken, base: str) -> list[Json]:
    """The entries of a response Bundle for one part, in the order of its own."""
    if taken.refusal is not None:
        status = f"{taken.refusal.status} {HTTPStatus(taken.refusal.status).phrase}"
        return [{"response": {"status": status, "outcome": taken.refusal.outcome}}]
    return [{"response": _response(entry, taken, base)} for entry in taken.part.entries]


def _response(entry: Entry, taken: Taken, base: str) -> Json:
    if entry.kind not in READERS:
        return {"status": "202 Accepted", "outcome": outcome(issue_of("not_read", severity="information"))}
    if taken.trial:
        return {"status": "202 Accepted", "outcome": outcome(issue_of("trial", severity="information"))}
    address = taken.addresses.get(entry.path)
    return {"status": "201 Created" if entry.method == "POST" else "200 OK", **({"location": f"{base}/{address}"} if address else {})}
