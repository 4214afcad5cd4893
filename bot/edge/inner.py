"""The inner side as the edge sees it: lines that were dialled from inside, over which it asks and is answered."""

import asyncio
import itertools
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from bot.edge.envelope import HELLO, EnvelopeError, Hellos, Key, Opener, Sealer, welcome

log = structlog.get_logger(__name__)

# A peer that does not answer a ping for half of this is gone (seconds).
PULSE = 10.0
# Headers and frame around a body.
ROOM = 64 << 10


class InnerAway(Exception):
    """The inner side is not there, was lost before it answered, or took too long."""

    code, permanent = "away", False


@dataclass(frozen=True)
class Answer:
    """What the inner side answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(eq=False)
class _Line:
    socket: web.WebSocketResponse
    sealer: Sealer
    waiting: dict[int, asyncio.Future[Answer]] = field(default_factory=dict)


class Inner:
    """All lines that are up."""

    def __init__(self, keys: list[Key], clock: Callable[[], datetime], *, max_answer: int) -> None:
        self._hellos, self._clock, self._max = Hellos(keys, clock), clock, max_answer + ROOM
        self._lines: list[_Line] = []
        self._numbers = itertools.count(1)
        self._up = asyncio.Event()
        self.refused: Callable[[str], None] = lambda code: None

    @property
    def lines(self) -> int:
        """How many lines are up."""
        return len(self._lines)

    async def present(self) -> None:
        """Return when a line is up."""
        await self._up.wait()

    async def ask(self, head: dict[str, Any], body: bytes, *, deadline: float) -> Answer:
        """Ask over the line that has least to do. Raises InnerAway after `deadline` seconds, or when the line ends."""
        if not self._lines:
            raise InnerAway
        line = min(self._lines, key=lambda each: len(each.waiting))
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        line.waiting[number] = answer
        try:
            async with asyncio.timeout(deadline):
                await line.socket.send_bytes(line.sealer.seal({"ask": number, **head}, body))
                return await answer
        except (TimeoutError, ConnectionError) as err:
            raise InnerAway from err
        finally:
            line.waiting.pop(number, None)

    async def dialled(self, request: web.Request) -> web.StreamResponse:
        """GET /link: let the inner side in if it has a key, and keep the line until either side ends it."""
        try:
            key, theirs = self._hellos.check(request.headers.get(HELLO, ""))
        except EnvelopeError as err:
            self.refused(err.code)
            log.warning("link refused", code=err.code, remote=request.remote)
            return web.json_response({"code": err.code}, status=403)
        socket = web.WebSocketResponse(heartbeat=PULSE, max_msg_size=self._max, compress=False)
        await socket.prepare(request)
        ours = secrets.token_hex(16)
        await socket.send_str(welcome(key, theirs, ours))
        line = _Line(socket, Sealer(key, "edge", (theirs, ours), self._clock))
        opener = Opener(key, "inner", (theirs, ours), self._clock, max_bytes=self._max)
        try:
            await self._hear(line, opener, key.name)
        except EnvelopeError as err:
            self.refused(err.code)
            log.error("link ended: an envelope is not believed", code=err.code, remote=request.remote)
            await socket.close(code=4003, message=err.code.encode())
        finally:
            self._lost(line)
        return socket

    async def _hear(self, line: _Line, opener: Opener, key: str) -> None:
        async for message in line.socket:
            if message.type == WSMsgType.ERROR:
                # The connection broke, or said what no WebSocket says: the line is down, and no envelope was forged.
                return
            if message.type != WSMsgType.BINARY:
                raise EnvelopeError("bad_form")
            head, body = opener.open(message.data)
            if line not in self._lines:
                # The first envelope proves that the key is there now, and not an old hello: only then is the line used.
                self._lines.append(line)
                self._up.set()
                log.info("link up", key=key, lines=self.lines)
            answer = line.waiting.get(head.get("answer", 0))
            if answer is not None and not answer.done():
                answer.set_result(_answer(head, body))

    def _lost(self, line: _Line) -> None:
        with suppress(ValueError):
            self._lines.remove(line)
            log.info("link down", lines=self.lines)
        if not self._lines:
            self._up.clear()
        for answer in line.waiting.values():
            if not answer.done():
                answer.set_exception(InnerAway())

    async def close(self, _: web.Application) -> None:
        """End all lines: on shutdown."""
        for line in list(self._lines):
            await line.socket.close(code=1001)


def _answer(head: dict[str, Any], body: bytes) -> Answer:
    try:
        return Answer(int(head["status"]), [(str(name), str(value)) for name, value in head["headers"]], body)
    except (KeyError, TypeError, ValueError) as err:
        raise EnvelopeError("bad_form") from err
