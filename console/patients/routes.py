"""Where the pages of patients are."""

from console.page import get, post
from console.patients import enrolment, head, plan_edits, plans, record, search, tags, timeline, trends

_P, _N = "/patients/{id:\\d{1,18}}", "{number:\\d{1,18}}"
ROUTES = (
    get("/patients", search.show, "care.read"),
    get(_P, record.show, "care.read"),
    get(f"{_P}/alerts", head.show_alerts, "care.read"),
    get(f"{_P}/timeline", timeline.show, "care.read"),
    get(f"{_P}/trends", trends.show, "care.read"),
    get(f"{_P}/tags", tags.show, "care.read"),
    post(f"{_P}/tags", tags.say, "care.act"),
    get(f"{_P}/plan", plans.show, "care.read"),
    get(f"{_P}/plan/enrol", enrolment.show, "plan.enrol"),
    post(f"{_P}/plan/enrol", enrolment.do, "plan.enrol"),
    get(f"{_P}/tasks/{_N}", plans.task, "care.read"),
    post(f"{_P}/plans/{_N}/change", plan_edits.change, "plan.enrol"),
    post(f"{_P}/plans/{_N}/changes/{{change:\\d{{1,18}}}}/undo", plan_edits.undo, "plan.enrol"),
    post(f"{_P}/plans/{_N}/pause", plan_edits.pause, "plan.enrol"),
    post(f"{_P}/plans/{_N}/resume", plan_edits.resume, "plan.enrol"),
    post(f"{_P}/plans/{_N}/end", plan_edits.end, "plan.enrol"),
    get(f"{_P}/notes", record.notes, "care.read"),
    get(f"{_P}/notes/{_N}", record.note, "care.read"),
    get(f"{_P}/audit", record.audit, "care.read"),
)
