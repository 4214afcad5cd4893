"""Work that takes seconds of processor, in a process of its own: where families wait for answers a thread would still be in their way."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from bot.retraining.child import take_second_place


async def in_a_process(work: Callable[..., Any], *given: Any) -> Any:
    """What `work(*given)` returns or raises; both can be pickled. The process ends with it, and with us."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=take_second_place)
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *given)
    finally:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
