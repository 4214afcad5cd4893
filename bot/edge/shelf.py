"""Callbacks that wait for the inner side, in a file that survives the process: sealed by the platform, unreadable here."""

import asyncio
import base64
import json
import os
import zlib
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

FILE = "callbacks.log"
# What was delivered is swept out of the file when there is so much of it.
SWEEP = 4 << 20


class ShelfFull(Exception):
    """No more callbacks can be kept; the platform tries again later."""

    code, permanent = "full", False


@dataclass(frozen=True)
class Kept:
    """One callback as it came: address with query, content type, when (ISO 8601)."""

    number: int
    path: str
    kind: str
    at: str
    body: bytes

    @property
    def size(self) -> int:
        """What it takes of the room on the shelf, in bytes."""
        return len(self.body) + len(self.path)

    def line(self) -> bytes:
        """As it stands in the file."""
        return _line({**asdict(self), "body": base64.b64encode(self.body).decode()})


class Shelf:
    """First in, first out. What was put here is on disk when `put` returns; what was taken comes again after a crash at worst."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Read what an earlier process left. Raises OSError."""
        self._path, self._max = folder / FILE, max_bytes
        self._waiting: deque[Kept] = deque()
        self._unwritten: list[tuple[bytes, Kept | None, asyncio.Future[None] | None]] = []
        self._number = self._bytes = 0
        self._ending = False
        self._news, self._wake = asyncio.Event(), asyncio.Event()
        self._read()
        self._sweep()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def held(self) -> int:
        """What is kept, in bytes."""
        return self._bytes

    @property
    def oldest(self) -> Kept | None:
        """What is next."""
        return self._waiting[0] if self._waiting else None

    async def put(self, path: str, kind: str, at: str, body: bytes) -> None:
        """Keep a callback; it is durable on return. Raises ShelfFull, and OSError when the disk does not take it."""
        kept = Kept(self._number + 1, path, kind, at, body)
        if self._bytes + kept.size > self._max:
            raise ShelfFull
        self._number = kept.number
        self._bytes += kept.size
        written = asyncio.get_running_loop().create_future()
        self._unwritten.append((kept.line(), kept, written))
        self._wake.set()
        await written

    async def next(self) -> Kept:
        """The first that waits, as soon as there is one. It stays until it is `taken` or put `behind`."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting[0]

    def taken(self, kept: Kept) -> None:
        """The inner side has it. Were this lost, it would be handed over again, and the inner side knows it by its content."""
        self._waiting.remove(kept)
        self._bytes -= kept.size
        self._unwritten.append((_line({"taken": kept.number}), None, None))
        self._wake.set()

    def behind(self, kept: Kept) -> None:
        """Let the others go first."""
        self._waiting.remove(kept)
        self._waiting.append(kept)

    async def run(self) -> None:
        """Write until it is ended: what arrives while the disk is busy goes with the next write."""
        while not self._ending or self._unwritten:
            await self._wake.wait()
            self._wake.clear()
            lines, self._unwritten = self._unwritten, []
            try:
                await asyncio.to_thread(self._write, b"".join(line for line, _, _ in lines), any(kept for _, kept, _ in lines))
            except OSError as err:
                log.error("callbacks cannot be kept", reason=err.strerror)
                self._refuse(lines, err)
                continue
            for _, kept, written in lines:
                if kept is not None and written is not None:
                    self._waiting.append(kept)
                    if not written.done():
                        written.set_result(None)
            self._news.set()
            if self._file.tell() > SWEEP + 2 * self._bytes and not self._unwritten:
                await asyncio.to_thread(self._sweep)

    def end(self) -> None:
        """Let `run` write what is left, and return."""
        self._ending = True
        self._wake.set()

    def _refuse(self, lines: list[tuple[bytes, Kept | None, asyncio.Future[None] | None]], err: OSError) -> None:
        for _, kept, written in lines:
            if kept is not None and written is not None:
                self._bytes -= kept.size
                if not written.done():
                    written.set_exception(err)

    def _write(self, lines: bytes, durable: bool) -> None:
        end = self._file.tell()
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[self._file.write(rest) :]
            if durable:
                os.fsync(self._file.fileno())
        except OSError:
            # Half a line must not spoil the next one; a full disk lets the file be cut all the same.
            self._open(end)
            raise

    def _open(self, end: int | None = None) -> None:
        if end is not None:
            os.truncate(self._path, end)
        # Unbuffered: what could not be written must not be written later.
        self._file = self._path.open("ab", buffering=0)

    def _read(self) -> None:
        waiting: dict[int, Kept] = {}
        spoilt = 0
        for line in self._path.read_bytes().splitlines() if self._path.exists() else ():
            fields = _fields(line)
            if fields is None:
                spoilt += 1
            elif "taken" in fields:
                waiting.pop(fields["taken"], None)
            else:
                kept = Kept(**{**fields, "body": base64.b64decode(fields["body"])})
                waiting[kept.number] = kept
                self._number = max(self._number, kept.number)
        if spoilt:
            # The last line of a process that was killed while it wrote; it was acknowledged to nobody.
            log.warning("unfinished lines of kept callbacks passed over", lines=spoilt)
        self._waiting.extend(waiting.values())
        self._bytes = sum(kept.size for kept in waiting.values())

    def _sweep(self) -> None:
        """Write the file anew with what still waits, and put it in the old one's place."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.writelines(kept.line() for kept in list(self._waiting))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._open()


def _line(fields: dict[str, Any]) -> bytes:
    packed = json.dumps(fields).encode()
    return b"%08x %s\n" % (zlib.crc32(packed), packed)


def _fields(line: bytes) -> dict[str, Any] | None:
    check, _, packed = line.partition(b" ")
    try:
        return json.loads(packed) if int(check, 16) == zlib.crc32(packed) else None
    except ValueError:
        return None
