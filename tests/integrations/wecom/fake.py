"""A real HTTP server in WeCom's place: it answers what a test wrote down and remembers what it was asked."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

OK = {"errcode": 0, "errmsg": "ok"}


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    raw: bytes
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Status:
    """An HTTP status instead of an answer."""

    status: int


DROP, HANG = "drop", "hang"


@dataclass
class FakeWecom:
    """``answers[path]`` is used up from the front; its last entry stays: a dict (JSON), bytes, Response, Status, DROP, HANG."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    generation: int = 1
    slow: float = 0.0

    def answer(self, path: str, *answers: Any) -> None:
        self.answers[path] = list(answers)

    def revoke(self) -> None:
        """WeCom forgets the token before its time."""
        self.generation += 1

    def asked_for(self, path: str) -> list[Asked]:
        return [each for each in self.asked if each.path == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/cgi-bin/")
        self.asked.append(Asked(request.method, path, dict(request.query), await request.read(), dict(request.headers)))
        await asyncio.sleep(self.slow)
        if path == "gettoken" and path not in self.answers:
            return web.json_response(OK | {"access_token": f"token-{self.generation}", "expires_in": 7200})
        if path != "gettoken" and request.query.get("access_token") != f"token-{self.generation}":
            return web.json_response({"errcode": 40014, "errmsg": "invalid access_token"})
        line = self.answers.get(path, [OK])
        answer = line.pop(0) if len(line) > 1 else line[0]
        if answer == DROP and request.transport is not None:
            request.transport.close()
            return web.Response()
        if answer == HANG:
            await asyncio.sleep(60)
        if isinstance(answer, Status):
            return web.Response(status=answer.status, text="<html>an intermediary speaks</html>")
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="text/html")
        return web.json_response(answer) if isinstance(answer, dict) else answer


class Clock:
    """Time that moves only by waiting."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, tzinfo=UTC)
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += timedelta(seconds=seconds)
        await asyncio.sleep(0)
