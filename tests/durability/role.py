"""The product's gateway, which follows a clock that is moved every moment, instead of once a second."""

import runpy
from functools import partial

from bot import serve
from tests.durability.year_clock import LOOK_EVERY, follow

follow()
serve.watch_database = partial(serve.watch_database, every=LOOK_EVERY)  # type: ignore[assignment]

if __name__ == "__main__":
    runpy.run_module("bot", run_name="__main__")
