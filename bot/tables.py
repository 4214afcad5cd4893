"""Clinical tables that hospitals change while the worker runs."""

import asyncio
from zoneinfo import ZoneInfo

import structlog

from plans.triage_overlays import OverlayError, approved
from records.database import Database
from tagging.reload import Watch

log = structlog.get_logger(__name__)


class Tables:
    """Looks for changed clinical tables, in files and among what departments have approved: good ones come into force, bad ones are told
    in the log and the old ones stay."""

    def __init__(self, db: Database, zone: ZoneInfo, watch: Watch | None = None):
        self._db, self._zone, self._watch = db, zone, watch or Watch()

    async def refresh(self) -> None:
        """Look once; reading changed tables takes about a second and is done in a thread."""
        try:
            async with self._db.transaction() as tx:
                own = await approved(tx, self._zone)
        except OverlayError as err:
            log.error("clinical tables refused, the old ones stay in force", reason=str(err))
            return
        changed, refused = await asyncio.to_thread(self._watch.refresh, own)
        if changed:
            log.info("clinical tables changed")
        if refused:
            log.error("clinical tables refused, the old ones stay in force", reason=refused)
