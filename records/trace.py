"""One id by which a message is followed from WeCom's callback to the answer: in the logs, in the rows, and in traces where they are on.

It is W3C's traceparent, `00-<trace>-<span>-01`. A callback and the pull that it leads to know each other by the callback's token.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("trace", default=None)


def trace_of(seed: str) -> str:
    """The same for the same `seed`, whoever works it out."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def trace_id(trace: str | None) -> str | None:
    """What stands in the logs."""
    return trace.split("-")[1] if trace is not None else None


def following() -> str | None:
    """What is followed here; what is put into the outbox meanwhile carries it on."""
    return _current.get()


@contextmanager
def follow(trace: str | None) -> Iterator[None]:
    """Follow `trace` in this block."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)
