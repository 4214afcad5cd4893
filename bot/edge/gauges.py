"""What the edge counts for /metrics."""

from prometheus_client import Counter, Gauge

ASKED = Counter("careloop_edge_requests_total", "Requests from outside, by what became of them", ["outcome"])
REFUSED = Counter("careloop_edge_envelopes_refused_total", "Hellos and envelopes that were not believed", ["code"])
LINES = Gauge("careloop_edge_lines", "Lines to the inner side that are up")
WAITING = Gauge("careloop_edge_callbacks_waiting", "Callbacks kept until the inner side has them")
