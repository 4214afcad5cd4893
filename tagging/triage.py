"""Triage: red flags in a text, critical values, and what the family is told. Rules and data only; no model is needed.

When unsure, escalate. Every decision carries its evidence: the rule, the version of its table entry, and what was seen.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tagging.age import age_from_text
from tagging.content import Content, default_content
from tagging.measurement import Measurement, find_measurements
from tagging.patient import PatientFacts
from tagging.symptom import SymptomMention, find_symptoms
from tagging.tables import Category, Level, Rule, severity
from tagging.text import fold
from tagging.vitals import convert, get_vital, judge, meanings, plausible
from tagging.weight import judge_newborn_weight

# Values told of a day longer ago than this describe the past (R).
STILL_COUNTS = timedelta(days=3)


@dataclass(frozen=True)
class Evidence:
    """Why: the id of the rule (category, or vital of a band), the version of the table, and what was seen."""

    rule: str
    version: int
    because: str


@dataclass(frozen=True)
class Triage:
    """The outcome. `categories` are ordered worst first; `reply` is worded as if the alert was stored (see reply_text)."""

    level: Level
    categories: tuple[str, ...] = ()
    reply: str | None = None
    evidence: tuple[Evidence, ...] = ()
    variant: str | None = None


@dataclass(frozen=True)
class _Finding:
    category: str
    level: Level
    evidence: Evidence
    variant: str | None = None


@dataclass(frozen=True)
class _Sign:
    """A concept that holds for this child now: why, how long, whether it is only possible."""

    concept: str
    because: str
    hours: float | None = None
    possible: bool = False


def triage_text(text: str, *, context: str | None, patient: PatientFacts, now: datetime, content: Content | None = None) -> Triage:
    """Judge one message. `context` is the line before it, `now` an aware instant. Never raises on any text."""
    tables = content or default_content()
    mentions = find_symptoms(text, context=context, content=tables)
    known = with_age_from_text(text, patient, tables)
    measurements, _ = find_measurements(text, context=context, patient=known, now=now, content=tables)
    return triage_findings(text, mentions, measurements, patient=known, now=now, content=tables)


def triage_findings(
    text: str,
    mentions: Sequence[SymptomMention],
    measurements: Sequence[Measurement],
    *,
    patient: PatientFacts,
    now: datetime,
    content: Content,
) -> Triage:
    """Judge what was already found in a message (see triage_text)."""
    tags = frozenset(patient.tags) | _told_tags(mentions, content)
    birth = next((m.value * 1000 for m in measurements if m.vital == "birth_weight"), None)
    known = replace(patient, birth_weight_g=patient.birth_weight_g or birth)
    current = [m for m in measurements if m.vital != "birth_weight" and (m.at is None or now - m.at <= STILL_COUNTS)]
    findings = [finding for m in current for finding in _judge_value(m.vital, m.value, known, tags, now, content)]
    signs = [*_signs(mentions, content), *_value_signs(current, content)]
    bystanders = [_sign(m) for m in mentions if m.whose != "patient" and m.status in ("present", "possible") and m.when != "hypothetical"]
    findings += _apply_rules(signs, bystanders, known, tags, content)
    return _combine(findings, content)


def triage_value(
    vital: str, value: float, unit: str | None, *, patient: PatientFacts, now: datetime, content: Content | None = None
) -> Triage:
    """Judge one value in any unit that vitals.yml lists for it. Raises InputError (`unknown_vital`, `unknown_unit`).

    A value outside the accepted range gives category `input_rejected` and a reply that asks for it again.
    """
    tables = content or default_content()
    if vital == "peak_flow" and unit == "%" and patient.personal_best:
        value, unit = value * patient.personal_best / 100, None
    converted = convert(tables, vital, value, unit)
    if not plausible(tables, vital, converted, patient.age_days):
        entry = get_vital(tables, vital)
        because = f"{entry.name} {converted:g} {entry.unit} is outside the accepted range"
        return Triage("routine", ("input_rejected",), entry.ask, (Evidence(vital, tables.vitals.version, because),))
    tags = frozenset(patient.tags)
    findings = list(_judge_value(vital, converted, patient, tags, now, tables))
    signs = [_Sign(concept, f"{vital} {converted:g}") for concept in (*meanings(tables, vital, converted), "measured")]
    findings += _apply_rules(signs, (), patient, tags, tables)
    return _combine(findings, tables)


def reply_text(triage: Triage, *, notified: bool, phone: str | None, content: Content | None = None) -> str | None:
    """The reply for the family: it says that a clinician was told only if `notified`, else to call (`phone` of the department)."""
    tables = content or default_content()
    if triage.reply is None or not triage.categories or triage.categories[0] not in tables.redflags.categories:
        return triage.reply
    return _reply(tables, triage.categories[0], triage.level, triage.variant, notified=notified, phone=phone)


def with_age_from_text(text: str, patient: PatientFacts, content: Content) -> PatientFacts:
    """`patient` with the age that the message tells, where the record has none."""
    if patient.age_days is not None:
        return patient
    return replace(patient, age_days=age_from_text(fold(text), content.redflags.age_words))


def _told_tags(mentions: Iterable[SymptomMention], content: Content) -> frozenset[str]:
    """Tags that the words of the message imply (化疗回来发烧); a question or another person's illness implies none."""
    told = (content.symptoms.concepts[m.concept].tag for m in mentions if m.whose == "patient" and m.status in ("present", "possible"))
    return frozenset(tag for tag in told if tag)


def _sign(mention: SymptomMention) -> _Sign:
    because = f"「{mention.text}」[{mention.start}:{mention.end}]"
    return _Sign(mention.concept, because, mention.hours, mention.status == "possible")


def _signs(mentions: Iterable[SymptomMention], content: Content) -> Iterator[_Sign]:
    for mention in mentions:
        context_only = content.symptoms.concepts[mention.concept].tag is not None
        current = mention.when == "now" or context_only
        if mention.whose == "patient" and current and mention.status in ("present", "possible"):
            sign = _sign(mention)
            yield sign
            for implied in content.symptoms.concepts[mention.concept].implies:
                yield replace(sign, concept=implied)


def _value_signs(measurements: Iterable[Measurement], content: Content) -> Iterator[_Sign]:
    for measurement in measurements:
        because = f"「{measurement.text}」[{measurement.start}:{measurement.end}]"
        for concept in meanings(content, measurement.vital, measurement.value):
            yield _Sign(concept, because)


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
    signs: Sequence[_Sign], bystanders: Sequence[_Sign], patient: PatientFacts, tags: frozenset[str], content: Content
) -> Iterator[_Finding]:
    present: dict[str, list[_Sign]] = {}
    for sign in signs:
        present.setdefault(sign.concept, []).append(sign)
    anyone = {concept: list(found) for concept, found in present.items()}
    for sign in bystanders:
        anyone.setdefault(sign.concept, []).append(sign)
    candidates = dict.fromkeys(place for concept in anyone for place in content.rules_by_concept.get(concept, ()))
    for category_id, number in candidates:
        category = content.redflags.categories[category_id]
        rule = category.rules[number]
        seen = _fires(rule, anyone if rule.anyone else present, patient, tags, content)
        if seen is None:
            continue
        doubtful = any(sign.possible for sign in seen) and rule.level == "emergency"
        because = " + ".join(dict.fromkeys(sign.because for sign in seen)) + (", not certain" if doubtful else "")
        evidence = Evidence(category_id, category.version, because)
        yield _Finding(category_id, "urgent" if doubtful else rule.level, evidence, rule.reply)


def _fires(
    rule: Rule, present: dict[str, list[_Sign]], patient: PatientFacts, tags: frozenset[str], content: Content
) -> list[_Sign] | None:
    """The signs that make a rule fire; None if it does not."""
    if rule.age and (patient.age_days is None or not rule.age[0] <= patient.age_days <= rule.age[1]):
        return None
    known_age = rule.age_or_unknown
    if known_age and patient.age_days is not None and not known_age[0] <= patient.age_days <= known_age[1]:
        return None
    if any(content.has_tag(tags, tag) for tag in rule.not_tags):
        return None
    if rule.tags and not any(content.has_tag(tags, tag) for tag in rule.tags):
        return None
    seen: list[_Sign] = []
    for entry in rule.when:
        # A certain sign is better evidence than a possible one.
        matching = sorted((sign for name in entry.split("|") for sign in present.get(name, ())), key=lambda sign: sign.possible)
        if not matching:
            return None
        if rule.at_least_hours is not None and not seen:
            hours = max((sign.hours for sign in matching if sign.hours is not None), default=None)
            if hours is None and not rule.duration_unknown:
                return None
            if hours is not None and hours < rule.at_least_hours:
                return None
        seen.append(matching[0])
    if rule.any_two and sum(name in present for name in rule.any_two) < 2:
        return None
    if any(name in present for entry in rule.unless for name in entry.split("|")):
        return None
    return seen


def _combine(findings: Iterable[_Finding], content: Content) -> Triage:
    worst: dict[str, _Finding] = {}
    evidence: dict[Evidence, None] = {}
    order = {name: place for place, name in enumerate(content.redflags.categories)}
    ranked = sorted(findings, key=lambda finding: (-severity(finding.level), order.get(finding.category, 999)))
    for finding in ranked:
        worst.setdefault(finding.category, finding)
        evidence.setdefault(finding.evidence)
    shown = [finding for finding in worst.values() if severity(finding.level)]
    if not shown:
        return Triage("routine")
    top = shown[0]
    reply = _reply(content, top.category, top.level, top.variant, notified=True, phone=None)
    return Triage(top.level, tuple(finding.category for finding in shown), reply, tuple(evidence), top.variant)


def _reply(content: Content, category_id: str, level: Level, variant: str | None, *, notified: bool, phone: str | None) -> str:
    flags = content.redflags
    category: Category = flags.categories[category_id]
    template = category.replies.get(variant or level) or category.reply
    if notified:
        sentence = category.notified if category.notified is not None else flags.notified
    else:
        sentence = flags.not_notified_phone.replace("{phone}", phone) if phone else flags.not_notified
    reply = template.replace("{notified}", sentence)
    return reply + flags.safety_net if level == "same_day" else reply
