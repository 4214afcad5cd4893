"""Procrastinate's worker, awake to two things it sleeps through until its next look: a lock that became free, and news during a look.

It is told of new jobs alone. One that waits for the lock of another is not new any more when that ends; and what it is told while it asks
the database is forgotten when the answer comes.
"""

from typing import Any

from procrastinate.job_context import JobContext
from procrastinate.worker import Worker


class WakefulWorker(Worker):
    """Looks for jobs again whenever one may have become free."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._news = 0

    def _wake(self) -> None:
        self._news += 1
        self._new_job_event.set()

    async def _handle_notification(self, **told: Any) -> None:
        await super()._handle_notification(**told)
        self._wake()

    async def _process_job(self, context: JobContext) -> None:
        await super()._process_job(context)
        if context.job.lock:
            self._wake()

    async def _fetch_and_process_jobs(self) -> None:
        looked_at = None
        while looked_at != self._news and not self._stop_event.is_set():
            looked_at = self._news
            await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]
