"""A worker that hangs is noticed and replaced; one that works is left alone."""

import asyncio
import os
import signal
import sys

import pytest

from bot.heartbeat import PIPE, Heart
from bot.serve import ROOT, WorkerProcess

BEATS = "import asyncio; from bot.heartbeat import beat; asyncio.run(beat(0.05))"


async def test_silence_is_noticed_and_not_before() -> None:
    heart = Heart()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BEATS, cwd=ROOT, pass_fds=[heart.fd], env={**os.environ, PIPE: str(heart.fd)}
    )
    heart.given()
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heart.stopped(3), 4)
        child.send_signal(signal.SIGSTOP)
        await asyncio.wait_for(heart.stopped(1), 10)
    finally:
        child.kill()
        await child.wait()
        heart.close()


async def test_a_child_that_shows_no_life_is_started_again() -> None:
    # The simulator serves, but beats for nobody.
    worker = WorkerProcess(["simulator", "--port", "0"], silence=1.0)
    running = asyncio.create_task(worker.run())
    try:
        seen = set()
        async with asyncio.timeout(30):
            while len(seen) < 2:
                await asyncio.sleep(0.1)
                if worker._process is not None:
                    seen.add(worker._process.pid)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert not await worker.alive()
