"""Clinical tables that hospitals change while we run, in every process that judges what families say."""

import asyncio
from zoneinfo import ZoneInfo

import structlog

from plans.triage_overlays import InForce, OverlayError, in_force, read_in_force
from records.database import Database
from tagging.flags import Department
from tagging.reload import Watch

# Between two looks (s): whoever approves a table sees it judge soon.
TABLES_EVERY = 30

log = structlog.get_logger(__name__)


class Tables:
    """Looks for changed clinical tables, in files and among what departments have approved: good ones come into force, bad ones are told
    in the log and the old ones stay."""

    def __init__(self, db: Database, zone: ZoneInfo, watch: Watch | None = None):
        self._db, self._zone, self._watch = db, zone, watch or Watch()
        self._known: tuple[InForce, ...] = ()
        self._own: tuple[Department, ...] = ()

    async def refresh(self) -> None:
        """Look once; reading changed tables takes about a second and is done in a thread."""
        async with self._db.transaction() as tx:
            rows = await in_force(tx)
        if rows != self._known:
            self._known = rows
            try:
                self._own = await asyncio.to_thread(read_in_force, rows, self._zone)
            except OverlayError as err:
                log.error("clinical tables of a department refused, the old ones stay in force", reason=str(err))
        changed, refused = await asyncio.to_thread(self._watch.refresh, self._own)
        if changed:
            log.info("clinical tables changed")
        if refused:
            log.error("clinical tables refused, the old ones stay in force", reason=refused)
