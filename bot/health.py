"""/healthz checks what the process depends on; /metrics counts."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], Awaitable[bool]]


def add_health_routes(app: web.Application, checks: dict[str, Check]) -> None:
    """Serve GET /healthz (200 when all `checks` hold, else 503, each with its answer and milliseconds) and GET /metrics."""

    async def healthz(request: web.Request) -> web.Response:
        found = {}
        for name, check in checks.items():
            started = time.perf_counter()
            ok = await check()
            found[name] = {"ok": ok, "ms": round(1000 * (time.perf_counter() - started), 1)}
        ok = all(each["ok"] for each in found.values())
        return web.json_response({"status": "ok" if ok else "unavailable", "checks": found}, status=200 if ok else 503)

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
