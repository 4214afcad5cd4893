"""A real PostgreSQL for every test: one embedded server, and a migrated database without a row for each test."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import settings
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.util import LRUCache

from records.database import Database
from records.embedded import EmbeddedServer
from tests.fresh_database import FreshDatabases
from tests.keys import KEYRING

DATA = Path(__file__).parent.parent / ".careloop" / "test"
SHARED = Path(__file__).parent.parent.parent / "shared"


# The same examples in every run, so that what fails fails for everybody; CARELOOP_LONG=1 draws others, and more of them.
settings.register_profile("same", derandomize=True, max_examples=40)
if "CARELOOP_LONG" not in os.environ:
    settings.load_profile("same")
# Statements are compiled once for all engines of a run, which are all of one kind and have the same keys, and not anew for every test's.
COMPILED: LRUCache = LRUCache(4000)
PGDialectAsync_psycopg.__eq__ = lambda self, other: (  # type: ignore[method-assign,assignment]
    type(self) is type(other) and getattr(self, "keyring", None) is getattr(other, "keyring", None)
)
PGDialectAsync_psycopg.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign,assignment]


def pytest_make_parametrize_id(val: object) -> str | None:
    """A test is named by no more than a line of what it is given: some are given megabytes, and some a file in which the time stands."""
    if isinstance(val, bytes) and not (len(val) <= 40 and val.isascii() and val.decode().isprintable()):
        return f"{len(val)} bytes"
    return f"{val[:60]}… {len(val)} characters" if isinstance(val, str) and len(val) > 100 else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes and is shown in short elsewhere runs when CARELOOP_LONG is set."""
    if "CARELOOP_LONG" not in os.environ:
        left = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_collection_finish() -> None:
    """What was imported stays for good: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> None:
    """Tracebacks without the locals of every frame: printing those of a web handler takes minutes."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The embedded server that all tests of all runs share; its databases do not outlive a test, so nothing is waited for on disk."""
    url = EmbeddedServer(DATA / "postgres").ensure()
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"alter system set {name} = off")
        connection.execute("select pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def fresh_databases(postgres_url: str) -> Iterator[FreshDatabases]:
    databases = FreshDatabases(postgres_url)
    yield databases
    databases.close()


@pytest.fixture
def database_url(fresh_databases: FreshDatabases) -> Iterator[str]:
    """A migrated database without a row."""
    with fresh_databases.one() as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open Database on a fresh migrated database."""
    database = Database(url=database_url, pool_size=4, keyring=KEYRING)
    await database.open()
    database.engine.sync_engine._compiled_cache = COMPILED
    yield database
    await database.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared references; tests that read it are skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED
