"""Plan templates: written, tried, approved; cohorts put on them, moved to new versions, and how they get on."""

from console.plans import auto, calendar, draft, dry_run, enrol, move, progress, shelf

ROUTES = (
    *draft.ROUTES,
    *shelf.ROUTES,
    *calendar.ROUTES,
    *dry_run.ROUTES,
    *enrol.ROUTES,
    *auto.ROUTES,
    *move.ROUTES,
    *progress.ROUTES,
)
