"""Doing what the rules decided: many firings at once, everything in the caller's transaction, each firing with what was done by it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.action import Do
from plans.adaptation.care import Actions, Refused, Why
from plans.adaptation.explain import phrase
from plans.adaptation.weigh import Planned
from plans.adaptation.words import say
from plans.clock import end_of_day, local_day
from records.adaptation import AdaptationFiring, act_for
from records.errand import NewErrand, raise_errands
from records.patient import Patient
from tagging.cohort.scope import Scope
from tagging.tags.door import open_door
from tagging.tags.errors import TagError
from tagging.tags.evidence import ADAPTS, Evidence
from tagging.tags.holding import Holding

# Before tags and plans: these lock chats, as the road of a message does before it locks a patient.
CHATS_FIRST = ("alert", "push_content")
TAGS = ("add_tag", "remove_tag")
Did = dict[str, Any]
Firings = Sequence[tuple[Planned, int]]


async def act(tx: AsyncSession, planned: Sequence[Planned], actions: Actions, *, scope: Scope, now: datetime, zone: ZoneInfo) -> list[int]:
    """Do everything that is planned and write the firings down; their ids, in order. What cannot be done becomes an errand.

    A firing that is on file already (the same version of a rule, the same event) is not done again.
    """
    firings = await _written(tx, planned, now)
    if not firings:
        return []
    patients = await _patients(tx, [one.event.patient_id for one, _ in firings])
    await act_for(tx, {one.event.patient_id: (id, one.event.depth + 1) for one, id in firings})
    did: dict[int, dict[int, Did]] = {id: {} for _, id in firings}
    for first in (True, False):
        for one, id in firings:
            why = _why(one, id, now, zone)
            for place, do in enumerate(one.ready.rule.do):
                if do.name not in (*TAGS, "start_plan", "errand") and (do.name in CHATS_FIRST) == first:
                    did[id][place] = await _by_owner(tx, patients[one.event.patient_id], do, actions, why)
        if first:
            await _tags(tx, firings, did, scope, now)
            await _plans(tx, firings, did, actions, now=now, zone=zone)
    await _errands(tx, firings, patients, did, now=now, zone=zone)
    await act_for(tx, {})
    said = {id: [phrase(do, scope) for do in one.ready.rule.do] for one, id in firings}
    rows = [{"id": id, "did": [{**places[place], "says": said[id][place]} for place in sorted(places)]} for id, places in did.items()]
    await tx.execute(update(AdaptationFiring), rows)
    return [id for _, id in firings]


async def _written(tx: AsyncSession, planned: Sequence[Planned], now: datetime) -> list[tuple[Planned, int]]:
    if not planned:
        return []
    rows = [
        {
            "rule": one.ready.rule.id,
            "department": one.ready.rule.department,
            "version": one.ready.rule.version,
            "patient_id": one.event.patient_id,
            "event_id": one.event.id,
            "event": one.event.kept(),
            "because": one.because,
            "evidence": list(one.evidence),
            "did": [],
            "depth": one.event.depth,
            "cause_id": one.event.cause_id,
            "at": now,
        }
        for one in planned
    ]
    table = AdaptationFiring
    new = insert(table).on_conflict_do_nothing().returning(table.id, table.event_id, table.rule)
    ids = {(row.event_id, row.rule): row.id for row in await tx.execute(new, rows)}
    keys = [(one.event.id, one.ready.rule.id) for one in planned]
    return [(one, ids[key]) for one, key in zip(planned, keys, strict=True) if key in ids]


async def _patients(tx: AsyncSession, ids: Sequence[int]) -> dict[int, Patient]:
    return {patient.id: patient for patient in await tx.scalars(select(Patient).where(Patient.id.in_(set(ids))))}


async def _by_owner(tx: AsyncSession, patient: Patient, do: Do, actions: Actions, why: Why) -> Did:
    """One action in a savepoint: what its owner refuses leaves no trace but the sentence."""
    try:
        async with tx.begin_nested():
            ids = await getattr(actions, do.name)(tx, patient, do.said, why)
    except Exception as err:
        if not getattr(err, "permanent", False):
            raise
        return {"do": do.short, "refused": str(err), "code": str(getattr(err, "code", ""))}
    return {"do": do.short, "ids": ids}


async def _plans(
    tx: AsyncSession, firings: Firings, did: Mapping[int, dict[int, Did]], actions: Actions, *, now: datetime, zone: ZoneInfo
) -> None:
    """All enrolments that the same action of the same rule asks for, together."""
    asked: dict[tuple[str, int], list[tuple[Planned, int]]] = defaultdict(list)
    for one, id in firings:
        for place, do in enumerate(one.ready.rule.do):
            if do.start_plan is not None:
                asked[one.ready.rule.key, place].append((one, id))
    for (_, place), some in asked.items():
        do = some[0][0].ready.rule.do[place]
        wanted = {one.event.patient_id: _why(one, id, now, zone) for one, id in some}
        try:
            async with tx.begin_nested():
                found = await actions.start_plans(tx, do.said, wanted)
        except Exception as err:
            if not getattr(err, "permanent", False):
                raise
            found = {patient_id: Refused(str(err), str(getattr(err, "code", ""))) for patient_id in wanted}
        for one, id in some:
            came = found[one.event.patient_id]
            did[id][place] = {"do": do.short} | ({"refused": str(came), "code": came.code} if isinstance(came, Refused) else {"ids": came})


async def _tags(
    tx: AsyncSession, firings: Sequence[tuple[Planned, int]], did: Mapping[int, dict[int, Did]], scope: Scope, now: datetime
) -> None:
    """Every tag of all firings through one door."""
    asked = [(one, id) for one, id in firings if any(do.name in TAGS for do in one.ready.rule.do)]
    if not asked:
        return
    async with open_door(tx, [one.event.patient_id for one, _ in asked], now) as door:
        for one, id in asked:
            for place, do in enumerate(one.ready.rule.do):
                if do.name in TAGS:
                    did[id][place] = _tag(door[one.event.patient_id], do, one, id, scope, now)


def _tag(holding: Holding, do: Do, one: Planned, firing_id: int, scope: Scope, now: datetime) -> Did:
    rule = one.ready.rule
    evidence = Evidence("rule", one.because, now, ref_kind="firing", ref_id=firing_id, rule=f"{ADAPTS}{rule.id}", rule_version=rule.version)
    try:
        code = scope.tag(do.add_tag or do.remove_tag or "").code
        if holding.tags[code].kind != "management":
            raise Refused(say("mistakes.tag_kind", name=holding.tags[code].name))
        changed = holding.support(code, evidence) if do.add_tag else holding.withdraw(code, evidence)
    except (Refused, TagError, KeyError) as err:
        return {"do": do.short, "refused": str(err), "code": str(getattr(err, "code", "unknown_tag"))}
    return {"do": do.short, "ids": {"tag": code}, "changed": changed}


async def _errands(
    tx: AsyncSession,
    firings: Firings,
    patients: Mapping[int, Patient],
    did: Mapping[int, dict[int, Did]],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """The errands of the rules, and one for each action that could not be done, in one go."""
    asked: list[tuple[int, int, NewErrand]] = []
    for one, id in firings:
        patient, rule = patients[one.event.patient_id], one.ready.rule
        for place, do in enumerate(rule.do):
            key = f"rule:{id}:{place}"
            if do.errand is not None:
                due = None if do.errand.due_days is None else end_of_day(local_day(now, zone) + timedelta(days=do.errand.due_days), zone)
                new = NewErrand(patient.id, patient.team_id, do.errand.kind, do.errand.text, one.because, key, due)
                did[id][place] = {"do": do.short}
                asked.append((id, place, new))
            elif refused := did[id].get(place, {}).get("refused"):
                text = say("refused.errand", title=rule.title, what=say(f"acts.{do.name}"), why=refused)
                asked.append((id, place, NewErrand(patient.id, patient.team_id, "rule_refused", text, one.because, key)))
    ids = await raise_errands(tx, [new for _, _, new in asked], now=now, by="rule")
    for id, place, new in asked:
        if new.key in ids:
            did[id][place].setdefault("ids", {})["errand"] = ids[new.key]


def _why(one: Planned, firing_id: int, now: datetime, zone: ZoneInfo) -> Why:
    """`by` is how histories name the rule."""
    by = f"{ADAPTS}{one.ready.rule.key}:{one.ready.rule.version}"
    return Why(firing_id, by, one.because, one.evidence, one.event.at, now, zone)
