"""OpenTelemetry traces, off by default: a span for each step of a message's road, sent to a collector where the setting `traces` names one.

Spans hold codes and numbers; a patient's words, names and ids never. Without a collector a span costs a look at one name.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from records.trace import follow

Value = str | int | float | bool

_NOTHING = nullcontext()
_tracer: Any = None


def start_tracing(endpoint: str, role: str, *, exporter: Any = None) -> Any:
    """Send spans to `endpoint` (OTLP over HTTP) from now on, or to `exporter` at once; the provider, to be shut down. Takes 0.3 s."""
    global _tracer
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"careloop-{role}"}))
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint)) if exporter is None else SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("careloop")
    return provider


def stop_tracing(provider: Any) -> None:
    """No more spans; what is on its way is sent."""
    global _tracer
    _tracer = None
    provider.shutdown()


def span(name: str, parent: str | None = None, **attributes: Value) -> AbstractContextManager[Any]:
    """A step of the road. `parent` is the traceparent that came with a row; without it the step is part of the one around it."""
    if _tracer is None:
        return follow(parent) if parent is not None else _NOTHING
    return _recorded(name, parent, attributes)


@contextmanager
def _recorded(name: str, parent: str | None, attributes: dict[str, Value]) -> Iterator[Any]:
    from opentelemetry.trace import Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    around = propagator.extract({"traceparent": parent}) if parent is not None else None
    # What an error says may hold a patient's words; its class does not.
    with _tracer.start_as_current_span(
        name, context=around, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as here:
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        with follow(carrier.get("traceparent")):
            try:
                yield here
            except Exception as err:
                here.set_status(Status(StatusCode.ERROR, type(err).__name__))
                raise
