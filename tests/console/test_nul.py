"""What is typed: a NUL, which the database cannot keep, breaks no page, wherever it stands."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from console.app import ROUTES
from console.form import number, plain, words
from records.chat_desk import CannedAnswer
from records.refusal import AccessRefusal
from records.staff import Team
from tests.console.stage import NOW, Stage

NUL = "\x00"
PATHS = sorted({route.path for route in ROUTES if route.method == "GET" and "{" not in route.path} - {"/live"})


@dataclass
class Form:
    """A form of a page: where it goes, and each field with what stands in it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page that are posted, filled in as somebody in a hurry would."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        action = given.get("hx-post") or (given.get("action", "") if given.get("method", "").lower() == "post" else "")
        if tag == "form" and action.startswith("/console/"):
            self._open = Form(action.removeprefix("/console"))
            self.found.append(self._open)
        if self._open is None:
            return
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and not self._open.fields.get(self._select):
            self._open.fields[self._select] = given.get("value", "")
        elif name and tag in ("input", "textarea", "button") and given.get("type") != "file":
            self._open.fields.setdefault(name, given.get("value") or "1")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "select":
            self._select = ""


def test_words_are_read_as_they_may_be_kept() -> None:
    form = {"said": f"  好{NUL}的\r\n再见 ", "file": object()}
    assert words(form, "said") == "好的\n再见" and words(form, "said", 2) == "好的"
    assert words(form, "file") == words(form, "missing") == plain(None) == ""
    assert [number(said) for said in ("7", "", "-1", "１", "²", f"1{NUL}", "9" * 19, "9" * 5000)] == [7, *[None] * 7]


@pytest.mark.parametrize("userid", ["linyue", "zhangwei", "admin", None])
async def test_a_nul_in_a_field_breaks_no_page(stage: Stage, userid: str | None) -> None:
    async with stage.db.transaction() as tx:
        team = (await tx.scalars(select(Team.id).where(Team.name == "随访中心"))).one()
        tx.add(CannedAnswer(team_id=team, title="多喝水", text="多喝水", by="linyue", at=NOW))
    client, wrong, tried = await stage.client(userid), [], set[tuple[str, str]]()
    patient = f"/patients/{await stage.patient('D0001')}"
    for path in (*PATHS, f"{patient}/tags", f"/team/{team}", "/plans/newborn_care/dry-run", "/plans/newborn_care/enrol"):
        answer = await client.get(path)
        for form in Forms(await answer.text()).found if answer.content_type == "text/html" else ():
            for name in form.fields.keys() - {"csrf"}:
                if form.action == "/sign-out" or (form.action, name) in tried:
                    continue
                tried.add((form.action, name))
                sent = {**form.fields, name: f"{form.fields[name]}{NUL}"}
                status = (await client.post(form.action, **sent)).status
                if status >= 500:
                    wrong.append(f"{form.action} {name}: {status}")
    assert wrong == [] and tried


async def test_a_nul_in_an_address_asks_for_nothing(stage: Stage) -> None:
    client = await stage.client("linyue")
    for path in ("/patients?q=%00", "/inbox?q=a%00b", "/content/items/%00", "/plans/a%00", "/work?kind=%00&team=%00", "/%00"):
        assert (await client.get(path)).status == 400, path
    assert (await (await stage.client(None)).get("/sign-in?next=%00")).status == 400


async def test_a_refusal_of_words_with_a_nul_is_noted(stage: Stage) -> None:
    lead = await stage.client("zhangwei")
    answer = await lead.post("/cohorts/draft/why", text="性别 男", record_number=f"R0001{NUL}")
    assert answer.status == 404
    assert (await (await stage.client("linyue")).post("/lines/dealt-with", item=f"task:{NUL}1{NUL}")).status == 404
    async with stage.db.transaction() as tx:
        assert len((await tx.scalars(select(AccessRefusal))).all()) == 2
