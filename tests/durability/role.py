"""A role of the product that follows the clock in a file, which is moved every moment: `python -m tests.durability.role gateway`."""

import importlib
import runpy
import sys
from functools import partial

from tests.durability.file_clock import LOOK_EVERY, follow, now

if __name__ == "__main__":
    if sys.argv[1] in ("edge", "edge-link"):
        importlib.import_module("bot.edge.role" if sys.argv[1] == "edge" else "bot.edge.link").now = now  # type: ignore[attr-defined]
    else:
        from bot import watch_database as module

        follow()
        module.watch_database = partial(module.watch_database, every=LOOK_EVERY)  # type: ignore[assignment]
    runpy.run_module("bot", run_name="__main__")
