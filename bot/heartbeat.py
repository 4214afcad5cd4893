"""Sign of life of a child process: a byte now and then through a pipe, from its event loop. A process that hangs is not dead by itself."""

import asyncio
import os
from contextlib import suppress

# In the child's environment: the end of the pipe that it writes to.
PIPE = "CARELOOP_HEARTBEAT_PIPE"
EVERY = 2.0


async def beat(every: float = EVERY) -> None:
    """In the child: show signs of life until cancelled; nothing when nobody listens."""
    pipe = os.environ.get(PIPE)
    if pipe is None:
        return
    os.set_blocking(int(pipe), False)
    while True:
        with suppress(OSError):
            os.write(int(pipe), b".")
        await asyncio.sleep(every)


class Heart:
    """In the parent: listens to one child. Give `fd` to it (pass_fds) and `PIPE` in its environment."""

    def __init__(self) -> None:
        self._read, self.fd = os.pipe()
        os.set_blocking(self._read, False)
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._loop.add_reader(self._read, self._hear)

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            if os.read(self._read, 4096):
                self._last = self._loop.time()
            else:
                self._loop.remove_reader(self._read)

    async def stopped(self, silence: float) -> None:
        """Until nothing has been heard for `silence` seconds."""
        while (left := self._last + silence - self._loop.time()) > 0:  # noqa: ASYNC110 - the deadline moves with each sign of life
            await asyncio.sleep(left)

    def given(self) -> None:
        """The child has its end: close ours, so that the pipe ends with the child."""
        os.close(self.fd)

    def close(self) -> None:
        """Stop listening."""
        self._loop.remove_reader(self._read)
        os.close(self._read)
