"""/healthz checks what the process depends on, /readyz whether it can do its work now; /metrics counts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import DBAPIError

from bot.metrics import DATABASE_UP

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[bool]]
# Whoever asks whether we are ready waits for a second or so; a check that hangs has failed.
PATIENCE = 2.0


@dataclass
class Readiness:
    """Whether the process can do its work: all `checks` hold, and nobody has asked it to end. The schema was looked at as it started."""

    checks: Mapping[str, Check]
    draining: bool = False

    def leave(self) -> None:
        """Somebody has asked it to end."""
        self.draining = True


def add_health_routes(
    app: web.Application,
    checks: Mapping[str, Check],
    readiness: Readiness,
    count: Callable[[], Awaitable[None]] | None = None,
    *,
    beside: Callable[[], Awaitable[str]] | None = None,
) -> None:
    """Serve GET /healthz (200 when all `checks` hold, else 503, each with its answer and milliseconds), GET /readyz and GET /metrics.

    `count` brings up to date what is counted elsewhere; what it cannot count now stays as it was. `beside` are the metrics of the worker
    that this process keeps; they are told with its own, under the label role="worker".
    """

    async def healthz(request: web.Request) -> web.Response:
        ok, found = await _look(checks)
        return web.json_response({"status": "ok" if ok else "unavailable", "checks": found}, status=200 if ok else 503)

    async def readyz(request: web.Request) -> web.Response:
        ok, found = await _look(readiness.checks)
        status = "draining" if readiness.draining else "ready" if ok else "unavailable"
        return web.json_response({"status": status, "checks": found}, status=200 if status == "ready" else 503)

    async def metrics(request: web.Request) -> web.Response:
        if count is not None:
            try:
                await count()
                DATABASE_UP.set(1)
            except (DBAPIError, OSError) as err:
                DATABASE_UP.set(0)
                log.warning("not counted", error=type(err).__name__)
        text = generate_latest(Both(await beside())) if beside is not None else generate_latest()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


async def _look(checks: Mapping[str, Check]) -> tuple[bool, dict[str, Any]]:
    found = {}
    for name, check in checks.items():
        started = time.perf_counter()
        try:
            ok = await asyncio.wait_for(check(), PATIENCE)
        except TimeoutError:
            ok = False
        found[name] = {"ok": ok, "ms": round(1000 * (time.perf_counter() - started), 1)}
    return all(each["ok"] for each in found.values()), found


class Both:
    """The metrics of this process, and those of the worker beside it, each family once."""

    def __init__(self, worker: str) -> None:
        # When a counter began is told with the counter itself.
        families = (each for each in text_string_to_metric_families(worker) if not each.name.endswith("_created"))
        self._worker = {family.name: family for family in families}

    def collect(self) -> Iterator[Metric]:
        """Family by family."""
        families = dict(self._worker)
        for own in REGISTRY.collect():
            other = families.pop(own.name, None)
            if other is not None:
                _marked(own, other)
            yield own
        for other in families.values():
            yield _marked(Metric(other.name, other.documentation, other.type), other)


def _marked(family: Metric, other: Metric) -> Metric:
    family.samples += [sample._replace(labels={**sample.labels, "role": "worker"}) for sample in other.samples]
    return family
