"""The whole world in one JSON file: loaded at start, written a moment after the last change, never half."""

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

logger = logging.getLogger(__name__)
PAUSE = 1.0  # real seconds between a change and the write that holds it, at the least
SHARE = 20  # writing may take one part in twenty of the time
W = TypeVar("W")


class StateFileError(Exception):
    """The state file cannot be used; the text is one sentence for the operator."""

    code, permanent = "state_file", True


def load(path: Path, kind: type[W]) -> W | None:
    """The world of this kind in the file; None if there is no file. Raises StateFileError for one that cannot be read."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise StateFileError(f"The simulator's state file {path} cannot be opened: {err.strerror}.") from err
    try:
        return TypeAdapter(kind).validate_json(raw)
    except ValidationError as err:
        raise StateFileError(
            f"The simulator's state file {path} is damaged or from another version; move it away to start afresh, or restore a copy."
        ) from err


def save(path: Path, raw: bytes) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as out:
        out.write(raw)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


class Keeper:
    """Writes the world when it was touched, soon but not at every change. A disk that refuses is reported, and tried again."""

    def __init__(self, path: Path, world: object) -> None:
        self._path, self._world, self._form = path, world, TypeAdapter(type(world))
        self._touched, self._ending = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def touch(self) -> None:
        """The world may have changed."""
        self._touched.set()

    async def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write a last time and end; a write under way is finished first."""
        self._ending.set()
        self.touch()
        if self._task:
            await self._task

    async def _run(self) -> None:
        while True:
            await self._touched.wait()
            self._touched.clear()
            last, began = self._ending.is_set(), time.monotonic()
            try:
                await asyncio.to_thread(save, self._path, self._form.dump_json(self._world))
            except OSError as err:
                logger.error("the state could not be written to %s: %s", self._path, err.strerror)
            if last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), max(PAUSE, SHARE * (time.monotonic() - began)))
