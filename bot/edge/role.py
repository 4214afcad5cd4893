"""`careloop edge`: the one process that the internet reaches. It knows no key that opens a callback, no database and no patient."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bot.edge.door import Door
from bot.edge.envelope import read_keys
from bot.edge.gauges import LINES, REFUSED, WAITING
from bot.edge.inner import Inner, InnerAway
from bot.edge.received import OLDEST
from bot.edge.shelf import Kept, Shelf
from bot.process import lock_data, serving, stopped

if TYPE_CHECKING:
    from bot.settings import Settings

log = structlog.get_logger(__name__)

# A callback that the inner side cannot take now is tried again, and after so many tries lets the others go first.
TRIES = 20
LONGEST_PAUSE = 5.0


class EdgeError(Exception):
    """The edge may not start like this; the text is one sentence that names the setting."""

    code, permanent = "edge", True


async def run_edge(settings: "Settings") -> None:
    """Serve until SIGTERM or SIGINT. Raises EdgeError, AlreadyServing, DataFolderUnusable, OSError (port taken)."""
    tls = check_edge(settings)
    held = lock_data(settings.data_dir / "edge")
    try:
        inner = Inner(read_keys(settings.edge.keys.get_secret_value()), now, max_answer=settings.edge.max_answer)
        inner.refused = lambda code: REFUSED.labels(code).inc()
        shelf = Shelf(settings.data_dir / "edge", settings.edge.keep_bytes)
        if shelf:
            log.info("callbacks kept from before", count=len(shelf))
        door = Door(
            settings.edge, inner, shelf, now, hospital=settings.hospital, phone=settings.emergency_phone, max_body=settings.max_body
        )
        readiness = Ready()
        work = [asyncio.create_task(shelf.run()), asyncio.create_task(hand_over(shelf, inner, settings.edge.deadline))]
        async with serving(
            _inward(inner, shelf, readiness, settings.edge.keep_bytes), settings.edge.link_host, settings.edge.link_port, tls=tls
        ):
            async with serving(door.app(), settings.host, settings.port):
                log.info("edge ready", port=settings.port, link_port=settings.edge.link_port, kept=sorted(settings.edge.tokens))
                # An edge that cannot write is no use: it ends, and whoever watches over it starts it again.
                await asyncio.wait(
                    [*work, asyncio.create_task(stopped(readiness.leave, linger=settings.linger))], return_when=asyncio.FIRST_COMPLETED
                )
            work[1].cancel()
        shelf.end()
        await asyncio.gather(*work, return_exceptions=True)
    finally:
        held.close()


def check_edge(settings: "Settings") -> ssl.SSLContext | None:
    """TLS for the link's port; None on the loopback address. Raises EdgeError when the edge lacks a key, or holds what it must not hold."""
    edge, wecom = settings.edge, settings.wecom
    if not edge.keys.get_secret_value():
        raise EdgeError("Setting edge.keys: must be given for `careloop edge`; `openssl rand -hex 32` makes a secret.")
    readers = {
        "database_url": settings.database_url,
        "wecom.secret": wecom.secret.get_secret_value(),
        "wecom.callback_aes_key": wecom.callback_aes_key.get_secret_value(),
        "official_account.secret": settings.official_account.secret.get_secret_value(),
        "mini_program.secret": settings.mini_program.secret.get_secret_value(),
    }
    for name, value in readers.items():
        if value:
            raise EdgeError(f"Setting {name}: does not belong on the edge, which must not be able to read; take it away from this machine.")
    if edge.tls_cert is None:
        if edge.link_host not in ("127.0.0.1", "::1", "localhost"):
            raise EdgeError("Setting edge.tls_cert: must be given when edge.link_host is not this machine alone.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(edge.tls_cert, edge.tls_key)
    except OSError as err:
        raise EdgeError(f"Setting edge.tls_cert: {edge.tls_cert} cannot be used: {err.strerror}.") from err
    return context


def now() -> datetime:
    """The machine's clock: the edge has no other."""
    return datetime.now(UTC)


async def hand_over(shelf: Shelf, inner: Inner, deadline: float) -> None:
    """Hand over what waits, one after the other, until cancelled. Each stays until the inner side has answered for it."""
    tries, rng = 0, SystemRandom()
    while True:
        kept = await shelf.next()
        await inner.present()
        status = await _ask(inner, kept, deadline)
        if status < 500 and status != 429:
            if status >= 400:
                log.error("kept callback refused inside", status=status, path=kept.path.partition("?")[0])
            shelf.taken(kept)
            tries = 0
        elif now() - datetime.fromisoformat(kept.at) > OLDEST:
            log.error("kept callback given up", path=kept.path.partition("?")[0], at=kept.at)
            shelf.taken(kept)
            tries = 0
        else:
            tries += 1
            if tries % TRIES == 0:
                shelf.behind(kept)
            # In step with nobody, and at first at once: a line that was lost is often back in a moment.
            await asyncio.sleep(min(LONGEST_PAUSE, 0.05 * 2 ** min(tries, 10)) * rng.uniform(0.5, 1))


async def _ask(inner: Inner, kept: Kept, deadline: float) -> int:
    head = {"method": "POST", "path": kept.path, "headers": [("Content-Type", kept.kind)], "received": kept.at}
    try:
        return (await inner.ask(head, kept.body, deadline=deadline)).status
    except InnerAway:
        return 503


@dataclass
class Ready:
    """Whether the edge has not been asked to end."""

    here: bool = True

    def leave(self) -> None:
        """It has."""
        self.here = False


def _inward(inner: Inner, shelf: Shelf, ready: Ready, room: int) -> web.Application:
    """What the inner side reaches: the link, and how the edge is. `room` is what the shelf holds, in bytes."""

    async def healthz(_: web.Request) -> web.Response:
        oldest = shelf.oldest
        waiting = 0.0 if oldest is None else (now() - datetime.fromisoformat(oldest.at)).total_seconds()
        # The edge is well also while the inner side is away: starting it again would help nobody.
        return web.json_response({"status": "ok", "lines": inner.lines, "waiting": len(shelf), "oldest_seconds": round(waiting)})

    async def readyz(_: web.Request) -> web.Response:
        # Also while the inner side is away: callbacks are kept, which nobody else can do.
        full = shelf.held >= room
        status = "draining" if not ready.here else "full" if full else "ready"
        return web.json_response({"status": status, "lines": inner.lines}, status=200 if status == "ready" else 503)

    async def metrics(_: web.Request) -> web.Response:
        LINES.set(inner.lines)
        WAITING.set(len(shelf))
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/link", inner.dialled)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    app.on_shutdown.append(inner.close)
    return app
