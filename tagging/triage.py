"""Triage: red flags in a text, critical values, and what the family is told. Rules and data only; no model is needed.

When unsure, escalate. Every decision carries its evidence: the rule, the version of its table entry, and what was seen.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tagging.age import age_from_text
from tagging.best import best_from_text
from tagging.content import Content, default_content
from tagging.measurement import Measurement, is_mere_measurement, read_measurements
from tagging.mention import FEVERS
from tagging.over import is_over
from tagging.patient import PatientFacts, Reading
from tagging.rules import by_concept, fires, rules_for
from tagging.second import Opinion
from tagging.signs import Sign, bystander_signs, patient_signs, remembered_signs, told_tags, value_signs
from tagging.symptom import SymptomMention, find_symptoms
from tagging.tables import Level, severity
from tagging.text import fold
from tagging.topic import is_only_learning
from tagging.vitals import convert, get_vital, judge, meanings, plausible
from tagging.weight import judge_newborn_weight
from tagging.well import tells_only_well

# Values told of a day longer ago than this describe the past (R).
STILL_COUNTS = timedelta(days=3)
ANY_BEST = 400.0
YOUNG = 90
# A hand says less than a thermometer: 头摸着热，量了三次都是36.7.
BY_TOUCH = re.compile("^(?!.*(?:烧|发热|高热|低热|壮热|退热)).*[热烫]")
NO_FEVER = re.compile(
    "体温(?:也|都|一直|是|量着|还)*(?:正常|不高)|[测量](?:出来|了|着|是|下来)*3(?:6[.点度][0-9]|7[.点度][0-4])"
    "|量(?:了|着|体温|过)*(?:不烧|没烧|正常|不高)"
)
# Variants of a reply that stand in the common texts, not with a category.
UNCLEAR, WHO, SECOND, SECOND_MIND = "unclear", "who_is_meant", "second_look", "second_look_mind"


@dataclass(frozen=True)
class Evidence:
    """Why: the rule (category.name for words, the category for bands), the version of its entry, and what was seen."""

    rule: str
    version: int
    because: str


@dataclass(frozen=True)
class Triage:
    """The outcome. `categories` are ordered worst first; `reply` is worded as if the alert was stored (see reply_text).

    `variant` names the wording: `unclear` asks one question back, `who_is_meant` asks whether this child is meant.
    `department` tells whose wording it is, if that of the house does not apply.
    """

    level: Level
    categories: tuple[str, ...] = ()
    reply: str | None = None
    evidence: tuple[Evidence, ...] = ()
    variant: str | None = None
    department: str | None = None


# A weight that does not fit is weighed again, whatever it is; nobody is in danger by its unit.
ASKED_ANYWAY = frozenset({"weight", "birth_weight", "height", "head_circumference"})


@dataclass(frozen=True)
class _Finding:
    category: str
    level: Level
    evidence: Evidence
    variant: str | None = None


def triage_text(
    text: str,
    *,
    context: str | None,
    patient: PatientFacts,
    now: datetime,
    content: Content | None = None,
) -> Triage:
    """Judge one message. `context` is the line before it, `now` an aware instant. Never raises on any text.

    `content` is by default what is in force for the patient's department.
    """
    tables = content or default_content(patient.department)
    mentions = find_symptoms(text, context=context, content=tables)
    known = with_told_facts(text, patient, tables)
    read = read_measurements(text, context=context, patient=known, now=now, content=tables)
    return triage_findings(text, mentions, read.measurements, read.doubtful, patient=known, now=now, content=tables)


def triage_findings(
    text: str,
    mentions: Sequence[SymptomMention],
    measurements: Sequence[Measurement],
    doubtful: Sequence[Measurement] = (),
    *,
    patient: PatientFacts,
    now: datetime,
    content: Content,
) -> Triage:
    """Judge what was already found in a message (see triage_text): the rules first, then the second reader, who can only raise.

    A `doubtful` value (385 for 38.5) is asked about; if it would be a danger it is urgent until the family has answered.
    """
    triage = _by_rules(text, mentions, measurements, doubtful, patient=patient, now=now, content=content)
    if content.second is None:
        return triage
    opinion = content.second.read(text, patient=patient, signs=mentions, values=[*measurements, *doubtful], triage=triage)
    if opinion is not None and (not _has_words(text) or _only_values(text, mentions, measurements, now) or tells_only_well(text, mentions)):
        return triage
    return raised(triage, opinion, content=content)


def _has_words(text: str) -> bool:
    """Whether there is anything in it that can resemble danger: a bare 20 may answer how many days, and only tables judge numbers."""
    return any(character.isalpha() for character in text)


def _only_values(text: str, mentions: Sequence[SymptomMention], measurements: Sequence[Measurement], now: datetime) -> bool:
    """Whether the message tells a value and nothing else: how high a value is, the tables judge alone."""
    return all(mention.concept in FEVERS for mention in mentions) and is_mere_measurement(text, measurements, now)


def _by_rules(
    text: str,
    mentions: Sequence[SymptomMention],
    measurements: Sequence[Measurement],
    doubtful: Sequence[Measurement],
    *,
    patient: PatientFacts,
    now: datetime,
    content: Content,
) -> Triage:
    tags = frozenset(patient.tags) | told_tags(mentions, content)
    birth = next((m.value * 1000 for m in measurements if m.vital == "birth_weight"), None)
    known = replace(patient, birth_weight_g=patient.birth_weight_g or birth)
    learning = is_only_learning(text)
    current = [m for m in measurements if m.vital != "birth_weight" and not learning and (m.at is None or now - m.at <= STILL_COUNTS)]

    # Each value is held against each other one; it is judged once.
    judged: dict[Measurement, int] = {}

    def worst(m: Measurement) -> int:
        if m not in judged:
            judged[m] = _worst(m, known, tags, now, content)
        return judged[m]

    def normal(m: Measurement) -> bool:
        return worst(m) == 0

    cool = any(m.vital == "temperature" and normal(m) for m in [*current, *doubtful]) or NO_FEVER.search(text) is not None
    over = [
        m
        for m in [*current, *doubtful]
        # No fever of a young infant is ever over by being told (clinical reference 1.1).
        if not (m.vital == "temperature" and known.age_days is not None and known.age_days <= YOUNG)
        and is_over(text, m, current, normal, now, mild=worst(m) < severity("urgent"))
    ]
    current = [m for m in current if m not in over]
    mentions = [mention for mention in mentions if not _told_by(mention, over) and not (cool and BY_TOUCH.search(mention.text))]
    findings: list[_Finding] = []
    for m in current:
        findings += _judge_value(m.vital, m.judged, _with_earlier(known, m, measurements), tags, now, content)
    unclear = [] if learning else [m for m in doubtful if m.vital not in ASKED_ANYWAY and m not in over]
    for m in unclear:
        for finding in _judge_value(m.vital, m.judged, known, tags, now, content):
            if severity(finding.level) >= severity("urgent"):
                because = f"{finding.evidence.because} if 「{m.text}」[{m.start}:{m.end}] is meant so"
                findings.append(replace(finding, level="urgent", evidence=replace(finding.evidence, because=because)))
    signs = [*patient_signs(text, mentions, content), *value_signs(current, content), *remembered_signs(known, now, content)]
    others = [] if learning else list(bystander_signs(mentions, content))
    findings += _apply_rules(signs, others, known, tags, content)
    triage = _combine(findings, content, patient.department)
    return _ask_who(triage, others, content) if others and triage.level == "routine" else triage


def triage_value(
    vital: str, value: float, unit: str | None, *, patient: PatientFacts, now: datetime, content: Content | None = None
) -> Triage:
    """Judge one value in any unit that vitals.yml lists for it. Raises InputError (`unknown_vital`, `unknown_unit`).

    A value outside the accepted range gives category `input_rejected` and a reply that asks for it again.
    """
    tables = content or default_content(patient.department)
    if vital == "peak_flow" and unit == "%":
        # Of a share of the best only the share is judged, so any best will do.
        patient = patient if patient.personal_best else replace(patient, personal_best=ANY_BEST)
        value, unit = value * (patient.personal_best or ANY_BEST) / 100, None
    converted = convert(tables, vital, value, unit)
    if not plausible(tables, vital, converted, patient.age_days):
        entry = get_vital(tables, vital)
        because = f"{entry.name} {converted:g} {entry.unit} is outside the accepted range"
        return Triage("routine", ("input_rejected",), entry.ask, (Evidence(vital, tables.vitals.version, because),))
    tags = frozenset(patient.tags)
    findings = list(_judge_value(vital, converted, patient, tags, now, tables))
    signs = [Sign(concept, f"{vital} {converted:g}") for concept in (*meanings(tables, vital, converted), "measured")]
    findings += _apply_rules([*signs, *remembered_signs(patient, now, tables)], (), patient, tags, tables)
    return _combine(findings, tables, patient.department)


def raised(triage: Triage, opinion: Opinion | None, *, content: Content | None = None) -> Triage:
    """`triage` after a second reader: its level if that is higher, with its evidence; what the rules found always stays."""
    if opinion is None or severity(opinion.level) <= severity(triage.level):
        return triage
    tables = content or default_content(triage.department)
    evidence = (*triage.evidence, Evidence(opinion.reader, opinion.version, opinion.because))
    known = opinion.category if opinion.category in tables.redflags.categories else None
    if known:
        categories = tuple(dict.fromkeys((known, *triage.categories)))
        reply = _reply(tables, known, opinion.level, None, notified=True, phone=None)
        return replace(triage, level=opinion.level, categories=categories, reply=reply, evidence=evidence, variant=None)
    categories = (*triage.categories, SECOND) if triage.categories else (SECOND,)
    variant = SECOND_MIND if opinion.mind else SECOND
    reply = _common(tables, _second_look(tables, opinion.level, variant), None, notified=True, phone=None)
    return replace(triage, level=opinion.level, categories=categories, reply=reply, evidence=evidence, variant=variant)


def _second_look(content: Content, level: Level, variant: str) -> str:
    texts = content.redflags.second_look
    return texts.mind if variant == SECOND_MIND else texts.emergency if level == "emergency" else texts.urgent


def reply_text(triage: Triage, *, notified: bool, phone: str | None, content: Content | None = None) -> str | None:
    """The reply for the family: it says that a clinician was told only if `notified`, else to call (`phone` of the department)."""
    tables = content or default_content(triage.department)
    if triage.variant in (SECOND, SECOND_MIND):
        return _common(tables, _second_look(tables, triage.level, triage.variant), None, notified=notified, phone=phone)
    if triage.reply is None or not triage.categories or triage.categories[0] not in tables.redflags.categories:
        return triage.reply
    return _reply(tables, triage.categories[0], triage.level, triage.variant, notified=notified, phone=phone)


def with_told_facts(text: str, patient: PatientFacts, content: Content) -> PatientFacts:
    """`patient` with the age and the best peak flow that the message tells, where the record has none."""
    folded = fold(text)
    if patient.age_days is None:
        patient = replace(patient, age_days=age_from_text(folded, content.redflags.age_words))
    return patient if patient.personal_best else replace(patient, personal_best=best_from_text(folded))


def _worst(measurement: Measurement, patient: PatientFacts, tags: frozenset[str], now: datetime, content: Content) -> int:
    """The severity of what a value alone is judged to be, 0 for a normal one."""
    return max((severity(f.level) for f in _judge_value(measurement.vital, measurement.judged, patient, tags, now, content)), default=0)


def _told_by(mention: SymptomMention, over: Sequence[Measurement]) -> bool:
    """Whether a mention of fever is told by a value that is over."""
    return mention.concept in FEVERS and any(m.start < mention.end and mention.start < m.end for m in over)


def _with_earlier(patient: PatientFacts, measurement: Measurement, told: Sequence[Measurement]) -> PatientFacts:
    """`patient` with what else the message tells of the same vital at an earlier time (38.1，一个半小时前也是38.1)."""
    earlier = (Reading(m.vital, m.judged, m.unit, m.at) for m in told if m is not measurement and m.vital == measurement.vital and m.at)
    return replace(patient, history=(*patient.history, *earlier))


def _judge_value(
    vital: str, value: float, patient: PatientFacts, tags: frozenset[str], now: datetime, content: Content
) -> Iterator[_Finding]:
    version = content.vitals.version
    newborn = get_vital(content, vital).newborn
    if newborn:
        weight = judge_newborn_weight(value * 1000, patient=patient, preterm=_is_preterm(patient, tags, content), now=now, rules=newborn)
        if weight:
            evidence = Evidence("neonatal_weight", version, weight.because)
            yield _Finding("neonatal_weight", weight.level, evidence, "reweigh" if weight.reweigh else None)
        return
    verdict = judge(content, vital, value, patient=patient, tags=tags, now=now)
    if verdict and severity(verdict.level):
        level: Level = verdict.level  # type: ignore[assignment]  # `normal` ranks 0 and is left out above
        yield _Finding(verdict.category, level, Evidence(verdict.category, version, verdict.because), verdict.reply)


def _is_preterm(patient: PatientFacts, tags: frozenset[str], content: Content) -> bool:
    return content.has_tag(tags, "preterm") or (patient.gestational_age_weeks is not None and patient.gestational_age_weeks < 37)


def _apply_rules(
    signs: Sequence[Sign], bystanders: Sequence[Sign], patient: PatientFacts, tags: frozenset[str], content: Content
) -> Iterator[_Finding]:
    present = by_concept(signs)
    anyone = by_concept((*signs, *bystanders)) if bystanders else present
    for category_id, rule in rules_for(anyone, content):
        seen = fires(rule, anyone if rule.anyone else present, patient, tags, content)
        if seen is None:
            continue
        unclear = rule.level == "emergency" and any(sign.possible for sign in seen)
        because = " + ".join(dict.fromkeys(sign.because for sign in seen)) + (", not certain" if unclear else "")
        if rule.department:
            because += f" ({rule.department})"
        evidence = Evidence(f"{category_id}.{rule.id}", content.redflags.categories[category_id].version, because)
        yield _Finding(category_id, "urgent" if unclear else rule.level, evidence, UNCLEAR if unclear else rule.reply)


def _ask_who(triage: Triage, bystanders: Sequence[Sign], content: Content) -> Triage:
    """An emergency of somebody else raises no alert for this child, but it is never passed over: who is meant?"""
    present = by_concept(bystanders)
    nobody = PatientFacts(None)
    for category_id, rule in rules_for(present, content):
        if rule.level == "emergency" and not rule.tags and (seen := fires(rule, present, nobody, frozenset(), content)):
            because = " + ".join(dict.fromkeys(sign.because for sign in seen)) + ", of somebody else"
            evidence = Evidence(f"{category_id}.{rule.id}", content.redflags.categories[category_id].version, because)
            return Triage("routine", triage.categories, content.redflags.who_is_meant, (*triage.evidence, evidence), WHO)
    return triage


def _combine(findings: Iterable[_Finding], content: Content, department: str | None) -> Triage:
    worst: dict[str, _Finding] = {}
    evidence: dict[Evidence, None] = {}
    order = {name: place for place, name in enumerate(content.redflags.priority)}
    ranked = sorted(findings, key=lambda f: (-severity(f.level), f.variant == UNCLEAR, order.get(f.category, 999)))
    for finding in ranked:
        worst.setdefault(finding.category, finding)
        evidence.setdefault(finding.evidence)
    shown = [finding for finding in worst.values() if severity(finding.level)]
    if not shown:
        return Triage("routine")
    top = shown[0]
    reply = _reply(content, top.category, top.level, top.variant, notified=True, phone=None)
    return Triage(top.level, tuple(finding.category for finding in shown), reply, tuple(evidence), top.variant, department)


def _reply(content: Content, category_id: str, level: Level, variant: str | None, *, notified: bool, phone: str | None) -> str:
    flags = content.redflags
    category = flags.categories[category_id]
    if variant == UNCLEAR:
        text = f"{category.question or ''}{flags.meanwhile}{{notified}}"
    else:
        text = category.replies.get(variant or level) or category.reply
    told = _common(content, text, category.notified, notified=notified, phone=phone)
    return told + flags.safety_net if level == "same_day" else told


def _common(content: Content, text: str, sentence: str | None, *, notified: bool, phone: str | None) -> str:
    """`text` with the sentence that is true: a clinician was told, or the family has to call."""
    flags = content.redflags
    if notified:
        told = sentence if sentence is not None else flags.notified
    else:
        told = flags.not_notified_phone.replace("{phone}", phone) if phone else flags.not_notified
    return text.replace("{notified}", told)
