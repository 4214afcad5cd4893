"""Base backups and WAL of the database with PostgreSQL's own programs, and the way back to any moment that they cover.

Everything here is blocking. A backup folder holds `base-<when it was finished>/` and `wal/`.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg

from records.embedded import give_to_server, programs, server_user

SLOT = "careloop_backup"
_STAMP = "%Y%m%dT%H%M%SZ"
# A server that has not replayed its WAL by then is not going to (seconds): a week's WAL takes minutes.
PATIENCE = 3600.0


class BackupError(Exception):
    """A backup or a restore cannot be done; the text is one sentence that says why."""

    code, permanent = "backup", True


def make_slot(url: str) -> None:
    """Let the server keep its WAL from now on until `follow` has fetched it. Raises BackupError."""
    with _connected(url) as connection:
        connection.execute(
            "select pg_create_physical_replication_slot(%s, true) where not exists (select from pg_replication_slots where slot_name = %s)",
            [SLOT, SLOT],
        )


def back_up(url: str, folder: Path) -> Path:
    """A base backup, whole or not at all; its folder. Raises BackupError."""
    make_slot(url)
    (folder / "wal").mkdir(parents=True, exist_ok=True)
    making = folder / ".making"
    shutil.rmtree(making, ignore_errors=True)
    _run("pg_basebackup", "--dbname", url, "--pgdata", str(making), "--wal-method=stream", "--checkpoint=fast")
    # Named by the server's clock: it says what the backup can be taken forward to.
    with _connected(url) as connection:
        row = connection.execute("select to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"')").fetchone()
    made = folder / f"base-{row[0] if row else ''}"
    making.rename(made)
    return made


def follow(url: str, folder: Path, *, until: str | None = None) -> None:
    """Fetch the server's WAL as it is written, for ever or `until` a position (LSN). Raises BackupError when the server goes away."""
    make_slot(url)
    (folder / "wal").mkdir(parents=True, exist_ok=True)
    ends = [f"--endpos={until}"] if until is not None else []
    _run("pg_receivewal", "--dbname", url, "--directory", str(folder / "wal"), "--slot", SLOT, "--synchronous", "--no-loop", *ends)


def base_before(folder: Path, moment: datetime) -> Path:
    """The newest base backup that was finished before `moment`. Raises BackupError."""
    found = [path for path in sorted(folder.glob("base-*")) if _finished(path) <= moment]
    if not found:
        raise BackupError(f"There is no base backup in {folder} from before {moment.isoformat()}.")
    return found[-1]


def recover(folder: Path, into: Path, *, to: datetime | None, begun: datetime) -> datetime:
    """Make `into` a database folder as of `to` (None: as new as the WAL goes), from the newest base before `to`, or before `begun`.

    Returns the moment of the last transaction in it. Raises BackupError, and leaves nothing in `into` then.
    """
    base = base_before(folder, to or begun)
    if into.exists():
        raise BackupError(f"{into} exists already; move it away first.")
    try:
        shutil.copytree(base, into)
        # The last piece of WAL is still being written, and bears another name until it is full.
        fetch = f'cp "{folder.resolve()}/wal/%f" "%p" || cp "{folder.resolve()}/wal/%f.partial" "%p"'
        target = "" if to is None else f"recovery_target_time = '{to.astimezone(UTC).isoformat()}'\nrecovery_target_action = 'promote'\n"
        with (into / "postgresql.auto.conf").open("a") as file:
            file.write(f"\nrestore_command = '{fetch}'\nrecovery_target_timeline = 'current'\n{target}")
        (into / "recovery.signal").touch()
        give_to_server(into)
        give_to_server(folder / "wal")
        with running(into) as url, psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute("select pg_last_xact_replay_timestamp()").fetchone()
            for name in ("restore_command", "recovery_target_timeline", "recovery_target_time", "recovery_target_action"):
                connection.execute(f"alter system reset {name}")
        return row[0].astimezone(UTC) if row and row[0] is not None else _finished(base)
    except BackupError:
        shutil.rmtree(into, ignore_errors=True)
        raise


@contextmanager
def running(data: Path) -> Iterator[str]:
    """The server of a folder, on a socket of its own, once it has recovered; its address. Raises BackupError."""
    socket = Path(mkdtemp(prefix="careloop-pg-"))
    log = socket / "log"
    log.touch()
    give_to_server(socket)
    options = f"-c listen_addresses='' -c unix_socket_directories={socket} -c hot_standby=on"
    try:
        try:
            _run("pg_ctl", "-w", "-t", str(int(PATIENCE)), "-D", str(data), "-l", str(log), "-o", options, "start", owner=True)
        except BackupError as err:
            raise BackupError(f"The database does not start: {_last_error(log)}") from err
        url = f"postgresql://postgres@/postgres?host={socket}"
        _wait_until_promoted(url, log)
        yield url
    finally:
        if (data / "postmaster.pid").exists():
            _run("pg_ctl", "-w", "-D", str(data), "-m", "fast", "stop", owner=True)
        shutil.rmtree(socket, ignore_errors=True)


def _wait_until_promoted(url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(url) as connection:
                row = connection.execute("select pg_is_in_recovery()").fetchone()
                if row and not row[0]:
                    return
        except psycopg.OperationalError:
            if "shut down" in log.read_text("utf-8", "replace")[-300:]:
                break
        time.sleep(0.1)
    raise BackupError(f"The database does not get as far as asked: {_last_error(log)}")


def _last_error(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if "FATAL" in line or "ERROR" in line]
    return lines[-1].partition(":  ")[2] if lines else "its log says nothing."


@contextmanager
def _connected(url: str) -> "Iterator[psycopg.Connection[Any]]":
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection
    except psycopg.Error as err:
        raise BackupError(f"The database cannot be asked: {str(err).splitlines()[0]}.") from err


def _run(program: str, *arguments: str, owner: bool = False) -> None:
    """One of PostgreSQL's programs; as `owner`, by the user who runs servers."""
    user = server_user() if owner else None
    # Not through pipes: a server that pg_ctl starts would keep them open.
    log = Path(mkdtemp(prefix="careloop-log-")) / "log"
    try:
        with log.open("wb") as file:
            done = subprocess.run([str(programs() / program), *arguments], stdout=file, stderr=file, user=user, check=False, cwd="/")
        if done.returncode:
            said = log.read_text("utf-8", "replace").strip().splitlines()
            raise BackupError(f"{program} failed: {said[-1] if said else done.returncode}.")
    finally:
        shutil.rmtree(log.parent, ignore_errors=True)


def _finished(base: Path) -> datetime:
    try:
        return datetime.strptime(base.name.removeprefix("base-"), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
