"""Callbacks that wait at the edge: on disk before they are acknowledged, in order, no more than fit."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.edge import shelf as shelves
from bot.edge.shelf import FILE, Shelf, ShelfFull

AT = "2026-03-01T08:00:00+00:00"


@asynccontextmanager
async def opened(folder: Path, max_bytes: int = 10_000) -> AsyncIterator[Shelf]:
    """A shelf that ends without any farewell, as after kill -9: the file is all there is."""
    shelf = Shelf(folder, max_bytes)
    writing = asyncio.create_task(shelf.run())
    try:
        yield shelf
    finally:
        writing.cancel()


async def put(shelf: Shelf, *bodies: bytes) -> None:
    await asyncio.gather(*(shelf.put("/wecom/callback?nonce=1", "text/xml", AT, body) for body in bodies))


async def take(shelf: Shelf) -> bytes:
    kept = await shelf.next()
    shelf.taken(kept)
    return kept.body


async def test_what_was_put_is_there_for_the_next_process_in_its_order(tmp_path: Path) -> None:
    bodies = [b"<xml>%d</xml>\n\x00\xff" % number for number in range(50)]
    async with opened(tmp_path) as shelf:
        await put(shelf, *bodies)
        assert [await take(shelf) for _ in range(20)] == bodies[:20]
        await put(shelf, b"last")
    async with opened(tmp_path) as shelf:
        assert [await take(shelf) for _ in range(31)] == [*bodies[20:], b"last"]
        assert len(shelf) == 0


async def test_half_a_line_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with opened(tmp_path) as shelf:
        await put(shelf, b"one", b"two")
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole + whole[:30])
    async with opened(tmp_path) as shelf:
        await put(shelf, b"three")
        assert [await take(shelf) for _ in range(3)] == [b"one", b"two", b"three"]


async def test_no_more_is_kept_than_was_agreed(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=300) as shelf:
        await put(shelf, b"x" * 200)
        with pytest.raises(ShelfFull):
            await put(shelf, b"x" * 200)
        await take(shelf)
        await put(shelf, b"y" * 200)
        assert await take(shelf) == b"y" * 200


async def test_a_disk_that_takes_nothing_is_said_and_spoils_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as shelf:
        await put(shelf, b"one")
        # Room for half a line.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / FILE).stat().st_size + 40, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                await put(shelf, b"two")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await put(shelf, b"three")
    async with opened(tmp_path) as shelf:
        assert [await take(shelf) for _ in range(2)] == [b"one", b"three"]


async def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "SWEEP", 2000)
    async with opened(tmp_path) as shelf:
        await put(shelf, b"stays")
        stays = await shelf.next()
        shelf.behind(stays)
        for number in range(100):
            await put(shelf, b"%d" % number)
            shelf.behind(stays)
            assert await take(shelf) == b"%d" % number
        assert (tmp_path / FILE).stat().st_size < 5000
        # The next write has what was taken before it with it.
        await put(shelf, b"end")
    async with opened(tmp_path) as shelf:
        assert (len(shelf), await take(shelf), await take(shelf)) == (2, b"stays", b"end")
