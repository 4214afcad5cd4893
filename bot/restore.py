"""Putting the database back to an earlier moment so that nothing is sent twice: docs/deployment.md."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.app import POSTGRES_FOLDER
from bot.backup import BackupError, recover, running
from plans.reach.purpose import PROACTIVE
from records.data_key import check_database
from records.embedded import EmbeddedServer
from records.keyring import Keyring
from records.restored import settle


@dataclass(frozen=True)
class Done:
    """`carried` rows of the outbox are known to have been sent until `known`, `in_doubt` may have been. `kept`: the old database."""

    known: datetime
    carried: int
    in_doubt: int
    kept: Path | None


def restore(data: Path, backups: Path, *, to: datetime, lost: datetime, keyring: Keyring, say: Callable[[str], None]) -> Done:
    """Put the embedded database of a data folder back to `to`. `lost`: when the old one ended. Blocking; nobody may be using it.

    The old folder is kept beside the new one. Raises BackupError, EmbeddedError, and KeyringError where the keys of that moment are not
    all in `keyring`: they are never in a backup. The old database stays where it is then.
    """
    old, new, newest = data / POSTGRES_FOLDER, data / "postgres.restored", data / "postgres.newest"
    for left in (new, newest):
        shutil.rmtree(left, ignore_errors=True)
    say("looking for what was sent since: the newest that the WAL knows")
    try:
        known = recover(backups, newest, to=None, begun=lost)
        say(f"going back to {to.isoformat()}")
        recover(backups, new, to=to, begun=lost)
        with running(new) as url:
            check_database(url, keyring)
        with running(new) as url, running(newest) as newest_url:
            counts = settle(url, newest_url, to=to, known=known, lost=lost, proactive=PROACTIVE)
    finally:
        shutil.rmtree(newest, ignore_errors=True)
    kept = None
    if old.exists():
        EmbeddedServer(old).stop()
        kept = data / f"postgres.before-{lost:%Y%m%dT%H%M%S}"
        if kept.exists():
            raise BackupError(f"{kept} exists already; move it away first.")
        old.rename(kept)
    new.rename(old)
    return Done(known, counts["carried"], counts["in_doubt"], kept)
