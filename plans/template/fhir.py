"""A template as a FHIR R4 PlanDefinition, and back: what FHIR has an element for stands there, the rest in an extension of each action.

Dates that plans count from are actions of their own (`anchor-…`), to which the steps are related.
"""

import json
from collections.abc import Mapping
from typing import Any

from plans.template.anchor import anchor_title
from plans.template.mistake import sentence
from plans.template.plan import PlanTemplate
from plans.template.step import Step
from plans.template.timing import WEEKDAYS

Json = dict[str, Any]
OURS = "urn:careloop"
HEAD, REST = f"{OURS}:plan-template", f"{OURS}:plan-step"
LANGUAGE = "text/x-careloop-cohort"
# Fields of a step that have an element of their own.
_ELEMENTS = ("id", "kind", "title", "only_if", "hours", "questionnaire", "text", "anchor")
_HEAD = ("id", "version", "title", "steps")
# FHIR's roles for those whom a step names.
_ROLES = {"nurse": "护士", "doctor": "医生", "lead": "组长"}


def to_fhir(template: PlanTemplate, *, status: str = "active") -> Json:
    """The PlanDefinition. `status`: draft, active or retired."""
    whole = template.model_dump(mode="json", exclude_defaults=True)
    head = {name: value for name, value in whole.items() if name not in _HEAD}
    anchors = [{"id": f"anchor-{name.replace('_', '-')}", "title": anchor_title(name)} for name in (*template.anchors, *template.later)]
    return {
        "resourceType": "PlanDefinition",
        "id": f"{template.id.replace('_', '-')}-{template.version}"[:64],
        "extension": [{"url": HEAD, "valueString": _written(head)}],
        "url": f"{OURS}:plan:{template.id}",
        "version": str(template.version),
        "name": template.id,
        "title": template.title,
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "protocol"}]},
        "status": status,
        "action": [*anchors, *(_action(step) for step in template.steps)],
    }


def _action(step: Step) -> Json:
    rest = {name: value for name, value in step.model_dump(mode="json", exclude_defaults=True).items() if name not in _ELEMENTS}
    action: Json = {
        "id": step.id.replace("_", "-"),
        "extension": [{"url": REST, "valueString": _written({"id": step.id, "anchor": step.anchor, **rest})}],
        "title": step.title,
        "code": [{"coding": [{"system": f"{OURS}:step-kind", "code": step.kind}]}],
        "relatedAction": [_related(step)],
        "participant": [{"type": "practitioner", "role": {"text": _ROLES[step.tell]}}],
    }
    if step.text is not None:
        action["textEquivalent"] = step.text
    if step.only_if is not None:
        action["condition"] = [{"kind": "applicability", "expression": {"language": LANGUAGE, "expression": step.only_if}}]
    if (timing := _timing(step)) is not None:
        action["timingTiming"] = {"repeat": timing}
    if step.questionnaire is not None:
        action["definitionCanonical"] = f"{OURS}:questionnaire:{step.questionnaire}"
    return action


def _related(step: Step) -> Json:
    """Before or after the date, with the first of its days where it is one number."""
    phase = step.schedule[0]
    first = min(phase.days) if phase.days else phase.first if phase.first is not None else phase.after
    related: Json = {"actionId": f"anchor-{step.anchor.replace('_', '-')}", "relationship": "after-start"}
    if first is not None:
        related["relationship"] = "before-start" if first < 0 else "after-start"
        related["offsetDuration"] = {"value": abs(first), "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
    return related


def _timing(step: Step) -> Json | None:
    """How the first phase repeats, as far as FHIR can say it, and the clock times."""
    phase = step.schedule[0]
    repeat: Json = {}
    if phase.kind == "every" and len(phase.every) == 1:
        repeat |= {"frequency": 1, "period": phase.every[0], "periodUnit": "d"}
    elif phase.kind == "daily":
        repeat |= {"frequency": 1, "period": 1, "periodUnit": "d"}
    if phase.weekdays:
        repeat["dayOfWeek"] = [day for day in WEEKDAYS if day in phase.weekdays]
    if step.hours:
        repeat["timeOfDay"] = [f"{hour:02}:00:00" for hour in step.hours]
    return repeat or None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class NotOurs(ValueError):
    """The PlanDefinition says too little, or something that a template cannot hold; the text is a sentence."""

    code, permanent = "plan_definition", True


def body_from_fhir(resource: Mapping[str, Any]) -> Json:
    """The template that a PlanDefinition describes, not yet checked (PlanTemplate). One of another system's needs a date to which each
    action is related, and what our steps need beside it. Raises NotOurs."""
    if resource.get("resourceType") != "PlanDefinition":
        raise NotOurs(sentence("fhir_resource", found=str(resource.get("resourceType"))[:40]))
    actions = [action for action in resource.get("action") or [] if isinstance(action, dict)]
    anchors = {str(action.get("id")): action for action in actions if str(action.get("id", "")).startswith("anchor-")}
    steps = [_step(action) for action in actions if str(action.get("id")) not in anchors]
    version = str(resource.get("version", "1"))
    body: Json = {
        "id": resource.get("name"),
        "version": int(version) if version.isdigit() else version,
        "title": resource.get("title"),
        "department": "-",
        "needs_clinician_review": True,
        "anchors": sorted({step["anchor"] for step in steps if step.get("anchor")}),
        "steps": steps,
    }
    return body | _extension(resource, HEAD)


def _step(action: Json) -> Json:
    codes = [coding.get("code") for code in action.get("code") or [] for coding in code.get("coding") or []]
    related: Json = next(iter(action.get("relatedAction") or []), {})
    step: Json = {"id": str(action.get("id", "")).replace("-", "_"), "title": action.get("title")}
    if codes:
        step["kind"] = codes[0]
    if str(related.get("actionId", "")).startswith("anchor-"):
        step["anchor"] = str(related["actionId"]).removeprefix("anchor-").replace("-", "_")
    if (text := action.get("textEquivalent")) is not None:
        step["text"] = text
    for condition in action.get("condition") or []:
        expression = condition.get("expression") or {}
        if expression.get("language") != LANGUAGE:
            raise NotOurs(sentence("fhir_condition", step=step["id"]))
        step["only_if"] = expression.get("expression")
    if (form := action.get("definitionCanonical")) is not None:
        step["questionnaire"] = str(form).rsplit(":", 1)[-1].rsplit("/", 1)[-1]
    repeat = (action.get("timingTiming") or {}).get("repeat") or {}
    if repeat.get("timeOfDay"):
        step["hours"] = [int(str(clock)[:2]) for clock in repeat["timeOfDay"]]
    return {"schedule": _schedule(related, repeat), **step} | _extension(action, REST)


def _schedule(related: Json, repeat: Json) -> list[Json]:
    """What FHIR's own elements say of the days, for an action that is not ours."""
    offset = related.get("offsetDuration") or {}
    first = int(offset.get("value", 0)) * (-1 if str(related.get("relationship", "")).startswith("before") else 1)
    if repeat.get("period") and repeat.get("periodUnit") == "d":
        return [{"after": max(first, 0), "every": [int(repeat["period"])], "src": "FHIR"}]
    return [{"days": [first], "src": "FHIR"}]


def _extension(element: Mapping[str, Any], url: str) -> Json:
    for each in element.get("extension") or []:
        if each.get("url") == url:
            try:
                found = json.loads(each.get("valueString", ""))
            except ValueError as err:
                raise NotOurs(sentence("fhir_extension", url=url)) from err
            return found if isinstance(found, dict) else {}
    return {}
