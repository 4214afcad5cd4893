"""The family's pages made from templates, and the child that an address names."""

from datetime import date
from functools import cache
from typing import Any

import yaml
from aiohttp import web

from console.family.desk import BASE, FAMILY, VISITOR, FamilyDesk
from console.page import TEMPLATES, environment
from console.static_files import STATIC
from records.patient import Patient


@cache
def words() -> dict[str, Any]:
    """What the pages say by code."""
    loaded: dict[str, Any] = yaml.safe_load((TEMPLATES / "family" / "sentences.yml").read_text("utf-8"))
    return loaded


def say(path: str, **values: object) -> str:
    """The sentence at `path` (dots between keys), filled in. Raises KeyError when there is none."""
    found: Any = words()
    for key in path.split("."):
        found = found[key]
    return str(found).format(**values)


def render(request: web.Request, template: str, *, status: int = 200, child: Patient | None = None, **context: Any) -> web.Response:
    """The page of `template` below templates/family/, about `child` where it is about one."""
    desk, visitor = request.app[FAMILY], request.get(VISITOR)
    text = environment().get_template(f"family/{template}").render(
        desk=desk,
        visitor=visitor,
        child=child,
        csrf=visitor.csrf if visitor is not None else "",
        now=desk.clock(),
        base=BASE,
        home=f"{BASE}/{child.id}" if child is not None else BASE,
        page=request.path.rsplit("/", 1)[-1],
        static=STATIC,
        say=say,
        **context,
    )  # fmt: skip
    return web.Response(text=text, status=status, content_type="text/html")


def sorry(request: web.Request, code: str, status: int = 200, child: Patient | None = None) -> web.Response:
    """The page that says by `code` what is over or wrong, and what to do."""
    text = say(f"sorry.{code}.text", phone=request.app[FAMILY].emergency_phone)
    return render(request, "sorry.html", status=status, child=child, title=say(f"sorry.{code}.title"), text=text)


def see_other(path: str) -> web.Response:
    """Send the phone on to `path` below /h5."""
    return web.Response(status=303, headers={"Location": BASE + path})


def child_of(request: web.Request) -> Patient:
    """The child that the address names. Raises HTTPNotFound for one whom the visitor does not speak for, and for one that is not there."""
    wanted = request.match_info["child"]
    found = next((each for each in request[VISITOR].children if str(each.id) == wanted), None)
    if found is None:
        raise web.HTTPNotFound
    return found


def today(desk: FamilyDesk) -> date:
    """The hospital's calendar day."""
    return desk.clock().astimezone(desk.zone).date()
