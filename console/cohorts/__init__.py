"""Cohorts: groups of patients by what holds of them, put together by clicks or in words, kept, compared, exported."""

from console.cohorts import builder, compare, show, write

ROUTES = (*compare.ROUTES, *builder.ROUTES, *write.ROUTES, *show.ROUTES)
