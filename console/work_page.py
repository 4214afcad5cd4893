"""The page of the work list, and the answer to whatever is done on it: the list anew, with a word of what was done."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web

from bot.alerts import OUTCOMES
from console.desk import DESK, SEAT
from console.page import by_htmx, render, see_other, sentences, toast
from console.sending import held
from console.words import area_words
from console.work_line import Filter, work_view
from records.flag import LEVELS

# The outcome that only an answer to the family's question gives.
_ANSWERED = "answered"


@dataclass(frozen=True)
class Said:
    """What was done, by the code of its sentence, and the lines (by key) of which it can be taken back."""

    code: str
    undo: tuple[str, ...] = ()
    values: dict[str, object] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence."""
        return sentences()[f"work_{self.code}"].format(**self.values)


async def show_list(request: web.Request) -> web.Response:
    """The list by the address's filters, whole or as the fragment that htmx puts in its place."""
    desk, seat, wanted = request.app[DESK], request[SEAT], Filter.of(request.query)
    async with desk.db.transaction() as tx:
        view = await work_view(tx, seat, wanted, desk.clock(), desk.zone)
        waits = await held(tx)
    template = "console/work_list/_list.html" if by_htmx(request) else "console/work_list/list.html"
    outcomes = [each for each in OUTCOMES if each != _ANSWERED]
    w = area_words("work_list")
    return render(request, template, view=view, wanted=wanted, w=w, levels=LEVELS[::-1], outcomes=outcomes, held=waits)


async def after(request: web.Request, said: Said) -> web.StreamResponse:
    """Something was done: the list anew for htmx, else a browser is sent back to it; both with a word of it and the way back."""
    wanted = Filter.of(request.query)
    undo = f"/lines/undo?{urlencode([*wanted.said().items(), *(('item', key) for key in said.undo)])}" if said.undo else None
    if by_htmx(request):
        return toast(await show_list(request), said.text, undo)
    # A sentence with numbers in it does not go through an address.
    return see_other(request, "/work", said="work_done" if said.values else f"work_{said.code}", undo=undo, **wanted.said())
