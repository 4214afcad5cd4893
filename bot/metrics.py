"""Counters for /metrics; names follow Prometheus' conventions."""

from prometheus_client import Counter, Gauge, Histogram

CALLBACKS = Counter("careloop_callbacks_total", "Callbacks by outcome", ["code"])
CALLBACK_SECONDS = Histogram(
    "careloop_callback_seconds", "From callback to answer", buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
)
MESSAGES_IN = Counter("careloop_messages_in_total", "Messages stored, by type", ["msgtype"])
TURN_SECONDS = Histogram(
    "careloop_turn_seconds", "Handling of one chat's waiting messages", buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1)
)
MESSAGES_OUT = Counter("careloop_messages_out_total", "Messages sent, by route and outcome", ["route", "outcome"])
FLAGS = Counter("careloop_flags_total", "Alerts raised, by level", ["level"])
DIALOGUE = Gauge("careloop_dialogue_ready", "1 while the dialogue is loaded in this worker; -1 where none is wanted")
DATABASE_UP = Gauge(
    "careloop_database_up", "1 when the database answered when these figures were asked for; the others are old if it did not"
)
TASKS = Counter("careloop_tasks_total", "Follow-ups, by what became of them", ["outcome"])
WECOM_ERRORS = Counter("careloop_wecom_errors_total", "Failed WeCom calls, by code", ["code"])
FHIR = Counter("careloop_fhir_requests_total", "Requests to the FHIR edge", ["method", "code"])
CONTENT_PUSHES = Counter("careloop_content_pushes_total", "Contents that were to be sent, by what became of them", ["state"])
