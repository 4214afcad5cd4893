"""An edge that somebody has taken over: what it cannot make the inside do."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.edge.envelope import EnvelopeError, read_keys
from bot.edge.link import Desk, stays
from bot.edge.settings import EdgeSettings
from bot.private import free_port, listening


async def test_it_leads_the_inside_nowhere() -> None:
    """Asked for the line, it answers with a redirect to a server of the hospital, which must not be asked anything."""
    asked: list[str] = []
    edge, printer, edge_port, printer_port = web.Application(), web.Application(), free_port(), free_port()

    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{printer_port}/restart"})

    async def restart(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    edge.router.add_get("/link", elsewhere)
    printer.router.add_get("/restart", restart)
    async with listening(edge, edge_port), listening(printer, printer_port), aiohttp.ClientSession(trace_configs=[stays()]) as session:
        with pytest.raises(EnvelopeError, match="sent_elsewhere"):
            async with asyncio.timeout(60):
                await session.ws_connect(f"http://127.0.0.1:{edge_port}/link")
    assert asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/console/work"),
        ("GET", "/fhir/Patient"),
        ("POST", "/intake/lis"),
        ("GET", "/metrics"),
        ("GET", "/h5/../console"),
        ("GET", "/h5/%2e%2e/console"),
        ("GET", "/h5/..%2fconsole"),
        ("GET", "/h5//127.0.0.1"),
        ("GET", "/h5\\console"),
        ("GET", "@127.0.0.1:{printer}/restart"),
        ("GET", "@127.0.0.1:{printer}/h5/x"),
        ("GET", "http://127.0.0.1:{printer}/h5/x"),
        ("GET", "//127.0.0.1:{printer}/h5/x"),
        ("GET", ".evil.example/h5/x"),
        ("GET", ""),
        ("GET", "/h5/x HTTP/1.1\r\nX: y"),
        ("DELETE", "/h5/x"),
        ("PUT", "/wecom/callback"),
    ],
)
async def test_it_reaches_no_more_of_the_inside_than_the_internet_does(method: str, path: str) -> None:
    asked: list[str] = []
    port, printer = free_port(), free_port()

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    [key] = read_keys("2026a:" + "k" * 64)
    async with listening(answering(note), port), listening(answering(note), printer), aiohttp.ClientSession() as session:
        here = f"http://127.0.0.1:{port}"
        desk = Desk(session, here, here, key, paths=EdgeSettings().paths, max_answer=1 << 20)
        head, _ = await desk.answer({"method": method, "path": path.format(printer=printer), "headers": []}, b"")
        assert (head["status"], asked) == (404, [])
        head, _ = await desk.answer({"method": "GET", "path": "/h5/today?next=%2Fh5", "headers": []}, b"")
        assert (head["status"], asked) == (200, ["/h5/today"])


def answering(handler: Handler) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    return app
