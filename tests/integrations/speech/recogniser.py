"""A recogniser for tests: a small HTTP server that hears what a test wants it to hear."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from integrations.speech.http import HttpRecogniser

TOKEN = "a-token"


@dataclass
class Server:
    """Answers in the order of `answers`, the last one for ever; `asked` keeps what came in."""

    answers: list[web.Response | float | tuple[str, float]] = field(default_factory=list)
    asked: list[tuple[str, str | None, bytes]] = field(default_factory=list)
    url: str = ""

    def hears(self, *said: tuple[str, float] | web.Response | float) -> None:
        """A text with its confidence, a whole response, or so many seconds of silence."""
        self.answers = list(said)

    async def take(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers.get("Content-Type", ""), request.headers.get("Authorization"), await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        match answer:
            case (text, confidence):
                return web.json_response({"text": text, "confidence": confidence})
            case web.Response():
                return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
            case _:
                await asyncio.sleep(float(answer))
                return web.json_response({"text": "", "confidence": 0})


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, HttpRecogniser]]:
    """The server on a free port, and our adapter that speaks to it."""
    server = Server()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/recognise", server.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/recognise"
    try:
        async with aiohttp.ClientSession() as session:
            yield server, HttpRecogniser(session, server.url, TOKEN, timeout=1, max_bytes=1 << 16)
    finally:
        await runner.cleanup()
