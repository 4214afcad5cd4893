"""The MLLP listener: one task a connection, frames answered in their order, each after its commit."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

import structlog

from bot.intake.feeds import Known
from bot.intake.reception import Reception
from bot.settings import IntakeSettings
from integrations.hl7.mllp import Deframer, Frame, Noise, frame

log = structlog.get_logger(__name__)

CHUNK = 256 << 10
# A sender that leaves out the last byte of a frame waits for its answer all the same.
SETTLES = 1.0


class Listener:
    """Takes connections of senders that a feed allows."""

    def __init__(self, known: Known, reception: Reception, settings: IntakeSettings) -> None:
        self._known, self._reception, self._settings = known, reception, settings
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen; the port. At the end the connections are closed. Raises OSError when the port is taken, IntakeError for a certificate."""
        server = await asyncio.start_server(
            self._connected, self._settings.mllp_host, self._settings.mllp_port, ssl=tls(self._settings), limit=CHUNK, reuse_address=True
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection without a task")
        address = writer.get_extra_info("peername") or ("", 0)
        peer = str(address[0])
        try:
            if not await self._known.of_peer(peer):
                log.warning("connection refused", peer=peer)
                return
            if len(self._open) >= self._settings.max_connections:
                log.error("too many connections", peer=peer, open=len(self._open))
                return
            self._open.add(task)
            try:
                await self._converse(reader, writer, peer)
            finally:
                self._open.discard(task)
        except (OSError, ssl.SSLError, TimeoutError) as err:
            log.info("connection lost", peer=peer, error=type(err).__name__)
        except asyncio.CancelledError:
            # The listener closes; asyncio's streams would report the cancellation as an error.
            pass
        except Exception as err:
            log.error("connection failed", peer=peer, error=type(err).__name__)
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(5):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Answer until the sender hangs up or says nothing for `idle_timeout`."""
        deframer = Deframer(self._settings.max_message)
        settling = False
        while True:
            try:
                async with asyncio.timeout(SETTLES if settling else self._settings.idle_timeout):
                    chunk = await reader.read(CHUNK)
            except TimeoutError:
                if not settling:
                    log.info("connection idle", peer=peer)
                    return
                settling = False
                await self._answer(deframer.flush(), writer, peer)
                continue
            if not chunk:
                # A sender that closes its side at once may still read the answer.
                await self._answer([each for each in deframer.flush() if isinstance(each, Frame)], writer, peer)
                return
            settling = chunk.endswith(b"\x1c")
            await self._answer(deframer.feed(chunk), writer, peer)

    async def _answer(self, found: list[Frame | Noise], writer: asyncio.StreamWriter, peer: str) -> None:
        """Answer in order. All are handed to the store before the first is waited for, so that a burst of one sender shares a commit."""
        answers: list[Awaitable[bytes] | bytes] = []
        for each in found:
            if isinstance(each, Noise):
                log.warning("bytes outside a frame", peer=peer, size=each.size, code=each.code)
                if each.awaited:
                    # What broke off may come whole another time; the rest would be wrong again.
                    answers.append(self._reception.say(None, "AE" if each.code == "unterminated" else "AR", each.code))
            else:
                # Looked up anew for each: a feed that is taken away ends for open connections too.
                feeds = await self._known.of_peer(peer)
                messages = await self._reception.prepare(each.data, feeds, f"mllp:{peer}") if feeds else []
                kept = self._reception.keep(messages)
                answers.append(self._reception.answer(kept) if feeds else self._reception.say(None, "AR", "unknown_sender"))
        for answer in answers:
            writer.write(frame(answer if isinstance(answer, bytes) else await answer))
            await writer.drain()


class IntakeError(Exception):
    """The listener cannot be opened; the text is one sentence."""

    code, permanent = "intake", True


def tls(settings: IntakeSettings) -> ssl.SSLContext | None:
    """The context for the settings' certificate, None without one; with `tls_client_ca` senders must show a certificate of theirs."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as err:
        raise IntakeError(f"The certificate {settings.tls_cert} and its key cannot be used: {err.strerror or type(err).__name__}.") from err
    return context
