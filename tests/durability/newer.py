"""A worker that knows a kind of job which no older one does: `python -m tests.durability.newer worker`."""

import runpy

from bot import worker
from bot.jobs import Handler

KIND = "of_tomorrow"


async def _done(key: str) -> None:
    print(f"{KIND} {key} done", flush=True)


if __name__ == "__main__":
    compose = worker.compose

    def with_one_more(*given: object) -> dict[str, Handler]:
        return compose(*given) | {KIND: _done}  # type: ignore[arg-type]

    worker.compose = with_one_more  # type: ignore[assignment]
    runpy.run_module("bot", run_name="__main__")
