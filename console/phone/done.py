"""What a phone page answers when something was done, or could not be."""

from urllib.parse import urlencode

from aiohttp import web

from console.page import by_htmx, see_other
from console.work_page import Said

# Nothing was done, and what was written on the page is still wanted there.
REFUSED = frozenset({"taken", "nobody", "closed_before", "no_outcome", "no_words", "no_reason", "answer_late", "answer_in_chat"})


def done(request: web.Request, said: Said, path: str) -> web.Response:
    """On to `path` with a word of it and the way back. What was refused is said in a sentence and leaves the page as it is."""
    if by_htmx(request) and said.code in REFUSED:
        return refused(said.text)
    undo = f"/m/lines/undo?{urlencode([('item', key) for key in said.undo])}" if said.undo else None
    # A sentence with values in it does not go through an address.
    return see_other(request, path, said="work_done" if said.values else f"work_{said.code}", undo=undo)


def refused(sentence: str) -> web.Response:
    """The sentence alone: the page's script shows it as a note."""
    return web.Response(text=sentence, status=409, content_type="text/plain")
