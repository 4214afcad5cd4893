"""A real PostgreSQL for every test: one embedded server, one migrated template, a fresh copy of it for each test."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from records.database import Database, migrate
from records.embedded import EmbeddedServer

DATA = Path(__file__).parent.parent / ".careloop" / "test"
SHARED = Path(__file__).parent.parent.parent / "shared"


def with_database(url: str, name: str) -> str:
    return re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", url, count=1) if "@" not in url else re.sub(r"(@[^/]*)/[^?]*", rf"\1/{name}", url)


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
def template_database(postgres_url: str) -> Iterator[str]:
    name = f"template_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    migrate(with_database(postgres_url, name))
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A fresh migrated database."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{template_database}" strategy wal_log')
    yield with_database(postgres_url, name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open Database on a fresh migrated database."""
    database = Database(url=database_url, pool_size=4)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared references; tests that read it are skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED
