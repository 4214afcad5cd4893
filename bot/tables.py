"""Clinical tables that hospitals change while the worker runs."""

import asyncio

import structlog

from tagging.reload import Watch

log = structlog.get_logger(__name__)


class Tables:
    """Looks for changed clinical tables: good ones come into force, bad ones are told in the log and the old ones stay."""

    def __init__(self, watch: Watch | None = None):
        self._watch = watch or Watch()

    async def refresh(self) -> None:
        """Look once; reading changed tables takes about a second and is done in a thread."""
        changed, refused = await asyncio.to_thread(self._watch.refresh)
        if changed:
            log.info("clinical tables changed")
        if refused:
            log.error("clinical tables refused, the old ones stay in force", reason=refused)
