"""Mass messages: written, looked at, tried, approved by a second person, sent in batches, and what became of them family by family."""

from console.mass import acts, results, show, write

ROUTES = (*write.ROUTES, *show.ROUTES, *acts.ROUTES, *results.ROUTES)
