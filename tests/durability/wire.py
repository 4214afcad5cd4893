"""A piece of network between two roles, which can be cut, and go silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PIECE = 1 << 16


class Wire:
    """Passes on what comes in, to a port of this machine or to a Unix socket."""

    def __init__(self, name: str, target: int | Path) -> None:
        self.name, self.target = name, target
        self._open, self._flows = True, asyncio.Event()
        self._flows.set()
        self._writers = set[asyncio.StreamWriter]()

    def cut(self) -> None:
        """End all connections, and let none be made."""
        self._open = False
        for writer in list(self._writers):
            writer.transport.abort()
        # What hangs has nothing to wait for any more.
        self._flows.set()

    def silence(self) -> None:
        """Nothing passes, and nobody is told: as behind a firewall that has forgotten a connection."""
        self._flows.clear()

    def mend(self) -> None:
        """Let everything pass again, also what waited."""
        self._open = True
        self._flows.set()

    async def joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its begin to its end."""
        if not self._open:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            # Who listens at the other end may be dead.
            with suppress(OSError):
                await self._flows.wait()
                there, back = await (
                    asyncio.open_connection("127.0.0.1", self.target)
                    if isinstance(self.target, int)
                    else asyncio.open_unix_connection(self.target)
                )
                self._writers.add(back)
                try:
                    await asyncio.wait(
                        {asyncio.create_task(self._pass_on(reader, back)), asyncio.create_task(self._pass_on(there, writer))},
                        return_when=asyncio.ALL_COMPLETED,
                    )
                finally:
                    self._writers.discard(back)
                    back.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                await self._flows.wait()
                writer.write(piece)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            return
        # One way is broken: the other has nobody left to talk to.
        writer.transport.abort()


@asynccontextmanager
async def strung(wire: Wire, at: int | Path) -> AsyncIterator[Wire]:
    """The wire, while its near end is a port of this machine or a Unix socket."""
    server = (
        await asyncio.start_server(wire.joined, "127.0.0.1", at)
        if isinstance(at, int)
        else await asyncio.start_unix_server(wire.joined, at)
    )
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
