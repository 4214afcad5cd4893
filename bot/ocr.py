"""Pictures are read in a process of their own: it starts with the first picture, and gives its memory back when none come."""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

# A long report takes some seconds on a busy core; what takes longer than this is an attack or a fault.
TIME_LIMIT = 60.0
# Starting costs two seconds of a core, staying 300 MB.
IDLE = 120.0
# Families' words go before their pictures.
NICE = "10"
# The longest line of an answer: a report of a hundred rows has 40 kB.
LINE = 1 << 20


class OcrError(Exception):
    """A picture that was not read. `code`: that of PictureError, or `ocr_timeout`, `ocr_died`."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OcrProcess:
    """Reads one picture at a time. Made once; `close` ends the process."""

    def __init__(self, *, time_limit: float = TIME_LIMIT, idle: float = IDLE) -> None:
        self._time_limit, self._idle = time_limit, idle
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._goodbye: asyncio.TimerHandle | None = None

    async def read(self, file: Path) -> dict[str, Any]:
        """What the picture in `file` (an absolute path) says, as bot/ocr_child.py answers. Raises OcrError."""
        async with self._lock:
            self._stay()
            try:
                async with asyncio.timeout(self._time_limit):
                    answer = await self._ask(file)
            except TimeoutError as err:
                self._end()
                raise OcrError("ocr_timeout") from err
            except (OSError, ValueError) as err:
                self._end()
                raise OcrError("ocr_died") from err
            except BaseException:
                # Cancelled in the middle: the next picture must not get this one's answer.
                self._end()
                raise
            self._goodbye = asyncio.get_running_loop().call_later(self._idle, self._end)
        if "error" in answer:
            raise OcrError(str(answer["error"]))
        return answer

    async def close(self) -> None:
        """End the process, if there is one."""
        self._stay()
        process = self._process
        self._end()
        if process is not None:
            await process.wait()

    @property
    def running(self) -> bool:
        """Whether the process is there at the moment."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The process, while it is there."""
        return self._process.pid if self._process is not None else None

    async def _ask(self, file: Path) -> dict[str, Any]:
        process = await self._started()
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        process.stdin.write(f"{file}\n".encode())
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise OSError("the process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                "nice",
                "-n",
                NICE,
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "bot.ocr_child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=Path(__file__).parent.parent,
                limit=LINE,
            )
            log.info("picture reader started", pid=self._process.pid)
        return self._process

    def _stay(self) -> None:
        if self._goodbye is not None:
            self._goodbye.cancel()
            self._goodbye = None

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
