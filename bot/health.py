"""/healthz checks what the process depends on; /metrics counts."""

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[bool]]


def add_health_routes(app: web.Application, checks: dict[str, Check], count: Callable[[], Awaitable[None]] | None = None) -> None:
    """Serve GET /healthz (200 when all `checks` hold, else 503, each with its answer and milliseconds) and GET /metrics, for which `count`
    brings up to date what is counted elsewhere; what it cannot count now stays as it was."""

    async def healthz(request: web.Request) -> web.Response:
        found = {}
        for name, check in checks.items():
            started = time.perf_counter()
            ok = await check()
            found[name] = {"ok": ok, "ms": round(1000 * (time.perf_counter() - started), 1)}
        ok = all(each["ok"] for each in found.values())
        return web.json_response({"status": "ok" if ok else "unavailable", "checks": found}, status=200 if ok else 503)

    async def metrics(request: web.Request) -> web.Response:
        if count is not None:
            try:
                await count()
            except (DBAPIError, OSError) as err:
                log.warning("not counted", error=type(err).__name__)
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
