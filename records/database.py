"""The door to PostgreSQL: one engine a process, one transaction at a time for its caller."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from records.data_key import learn_active, take_up_keys
from records.embedded import EmbeddedError, EmbeddedServer
from records.keyring import Keyring
from records.migrating import check_schema, migrate, sqlalchemy_url

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Which key is active is looked up so often (s): a process that seals with the one before does no harm.
LOOK_EVERY = 5.0
# How many statements a connection keeps prepared. The turns of a worker need 320; with the driver's 100 most were planned anew each time.
PREPARED = 500


class DatabaseUnreachable(Exception):
    """The server did not answer for as long as we asked; the text says which, without its password."""

    code, permanent = "database_unreachable", False


def _keep_prepared(connection: Any, _record: object) -> None:
    connection.driver_connection.prepared_max = PREPARED


class Database:
    """PostgreSQL, given by `url` or embedded in `folder` (exactly one of them).

    `keyring` opens the names and numbers of patients (records/sealed.py); a process that has no business with them goes without.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        folder: Path | None = None,
        pool_size: int = 8,
        application: str = "careloop",
        keyring: Keyring | None = None,
    ) -> None:
        if (url is None) == (folder is None):
            raise ValueError("give a url or a folder")
        self.embedded = EmbeddedServer(folder) if folder is not None else None
        self.keyring = keyring
        self._url, self._pool_size, self._application = url, pool_size, application
        # When the active key is looked up again; None until `take_up_keys`.
        self._look_at: float | None = None
        self._engine: AsyncEngine | None = None
        self._sessions: async_sessionmaker[AsyncSession] | None = None
        self._healing = asyncio.Lock()

    async def open(self) -> None:
        """Start the embedded server if there is one, and make the engine. Raises EmbeddedError."""
        url = await asyncio.to_thread(self.embedded.ensure) if self.embedded else self._url or ""
        self._url = url
        self._engine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=self._pool_size,
            max_overflow=self._pool_size,
            # Those that were used last have their statements prepared.
            pool_use_lifo=True,
            # A failed statement must not carry its values, which are patients' words, into a log.
            hide_parameters=True,
            connect_args={"application_name": self._application, "prepare_threshold": 3},
        )
        self._engine.dialect.keyring = self.keyring  # type: ignore[attr-defined]
        event.listen(self._engine.sync_engine, "connect", _keep_prepared)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        """Give all connections back; an embedded server keeps running."""
        if self._engine is not None:
            await self._engine.dispose()

    @property
    def url(self) -> str:
        """The server's URL, as libpq reads it."""
        return _opened(self._url)

    @property
    def engine(self) -> AsyncEngine:
        """The engine, for what needs a bare connection."""
        return _opened(self._engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        async with _opened(self._sessions)() as session, session.begin():
            if self._look_at is not None and time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + LOOK_EVERY
                await learn_active(session)
            yield session

    async def ready(self) -> bool:
        """Whether the server answers."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("select 1"))
            return True
        except (DBAPIError, OSError):
            return False

    async def heal(self) -> None:
        """After a lost connection: drop the pool, and start the embedded server again if it is gone.

        Never raises, so that a loop that heals lives on; whoever uses the database next learns whether it helped.
        """
        async with self._healing:
            if await self.ready():
                return
            await self.engine.dispose()
            if self.embedded is not None:
                try:
                    await asyncio.to_thread(self.embedded.ensure)
                except EmbeddedError as err:
                    log.error("embedded database does not start", code=err.code, reason=str(err))

    async def insist(self, step: Callable[[], Awaitable[T]], *, patience: float = 60) -> T:
        """Do `step`, and again after each lost connection, healing in between: a start must survive a database that is just away.

        Raises DatabaseUnreachable after `patience` seconds, and at once whatever else `step` raises.
        """
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                return await step()
            except Exception as err:
                if not is_lost_connection(err):
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    where = make_url(self.url).render_as_string(hide_password=True)
                    raise DatabaseUnreachable(f"The database {where} cannot be reached.") from err
                await self.heal()
                await asyncio.sleep(0.5)

    async def migrate(self) -> None:
        """Bring the schema to the newest migration; several processes may call it at once."""
        await self.insist(lambda: asyncio.to_thread(migrate, self.url))

    async def take_up_keys(self, *, alone: bool = True) -> None:
        """Compare the keyring with the database, and follow from now on which key is active. `alone`: no older version of CareLoop is
        at work beside us. Raises KeyringError."""

        async def step() -> None:
            async with self.transaction() as tx:
                await take_up_keys(tx, alone=alone)

        await self.insist(step)
        self._look_at = time.monotonic() + LOOK_EVERY

    async def check_schema(self) -> None:
        """Raises SchemaBehind when somebody must run `careloop migrate` first."""
        await self.insist(lambda: asyncio.to_thread(check_schema, self.url))


def _opened(value: T | None) -> T:
    if value is None:
        raise RuntimeError("the database is not open")
    return value


# PostgreSQL's classes of errors that are operational and yet say that the server lives: deadlock, no resources, a cancelled query.
ALIVE = ("40", "53", "55", "57014")


def is_lost_connection(error: BaseException) -> bool:
    """Whether `error` says that the server went away (worth healing and trying again)."""
    if isinstance(error, OperationalError):
        return not str(getattr(error.orig, "sqlstate", None) or "").startswith(ALIVE)
    return isinstance(error, DBAPIError) and error.connection_invalidated


# PostgreSQL's classes of errors that say that it cannot do now what it could before: no connection or one too many, a disk or memory that
# is full, shut down or just starting, and what it says to a write while it is only read from, as a standby is.
UNABLE = ("08", "53", "57P", "58", "25006")


def is_unable(error: BaseException) -> bool:
    """Whether `error` says that the database cannot take what is asked of it now, and may later: nobody's input is to blame."""
    state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    return is_lost_connection(error) or (isinstance(error, DBAPIError) and state.startswith(UNABLE))
