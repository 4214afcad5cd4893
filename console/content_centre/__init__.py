"""The content centre: what families are given to read, written, looked at as they see it, reviewed by somebody else, published."""

from console.content_centre import acts, edit, media, shelf, show

ROUTES = (*shelf.ROUTES, *edit.ROUTES, *media.ROUTES, *show.ROUTES, *acts.ROUTES)
