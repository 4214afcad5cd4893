"""A primary and its standby, of which the one dies for good and the other takes over."""

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from bot.app import POSTGRES_FOLDER
from records.embedded import EmbeddedServer, give_to_server, programs

SOCKET = ".s.PGSQL.5432"


@dataclass
class Pair:
    """A server that takes writes, and one that has all that is committed there."""

    primary: EmbeddedServer
    standby: EmbeddedServer
    _urls: dict[Path, str]

    @property
    def url(self) -> str:
        """Both addresses, of which the one is used that takes writes."""
        hosts = ",".join(re.sub(r".*host=", "", self._urls[folder]) for folder in sorted(self._urls))
        return re.sub(r"host=.*", f"host={hosts}&target_session_attrs=read-write", self._urls[self.primary.folder])

    def ask(self, server: EmbeddedServer, *statements: str) -> object:
        """What the server answers to the last of them."""
        with psycopg.connect(self._urls[server.folder], autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[call-overload]
            row = cursor.fetchone() if cursor.description is not None else None
            return row[0] if row is not None else None

    def follow(self) -> None:
        """Make the standby from the primary, which from then on confirms nothing that the standby has not written too. Blocking."""
        shutil.rmtree(self.standby.folder, ignore_errors=True)
        self._urls[self.primary.folder] = self.primary.ensure()
        subprocess.run(
            [programs() / "pg_basebackup", "--dbname", self._urls[self.primary.folder], "--pgdata", self.standby.folder,
             "--write-recovery-conf", "--checkpoint=fast"],
            check=True, capture_output=True,
        )  # fmt: skip
        # The primary's socket lies in its folder: the lock beside it is copied, and says that somebody listens.
        (self.standby.folder / f"{SOCKET}.lock").unlink(missing_ok=True)
        give_to_server(self.standby.folder)
        self._urls[self.standby.folder] = self.standby.ensure()
        self.ask(self.primary, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")

    async def followed(self) -> None:
        """Until the standby keeps up."""
        state = "select max(sync_state) from pg_stat_replication"
        while await asyncio.to_thread(self.ask, self.primary, state) != "sync":  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)

    def fail_over(self) -> None:
        """kill -9 the primary, and let the standby take over. Blocking."""
        process = self.primary.process()
        assert process is not None
        family = [process, *process.children(recursive=True)]
        for each in family:
            each.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)
        self.primary, self.standby = self.standby, self.primary
        assert self.ask(self.primary, "select pg_promote(true, 60)") is True


@asynccontextmanager
async def open_pair(folder: Path) -> AsyncIterator[Pair]:
    """Both servers, until the end."""
    pair = Pair(EmbeddedServer(folder / POSTGRES_FOLDER), EmbeddedServer(folder / "standby"), {})
    try:
        await asyncio.to_thread(pair.follow)
        yield pair
    finally:
        for server in (pair.standby, pair.primary):
            await asyncio.to_thread(server.stop)
