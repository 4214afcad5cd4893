"""What forms and addresses hold, hostile numbers and days among it: a page answers, whatever is typed."""

from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from console.form import day, moment
from records.staff import OnCall
from tests.console.stage import Stage
from tests.console.test_plans import plan

# Signs that Python counts among the digits, numbers that are too long for it, and for a column.
NUMBERS = ("²", "①", "１２", "-1", "1e3", "9" * 18, "9" * 19, "9" * 5000)
DAYS = ("0001-01-01", "9999-12-31", "1899-12-31", "2201-01-01", "2026-02-30", "²")


@pytest.mark.parametrize("text", DAYS)
def test_a_day_that_nobody_can_mean_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        day(text)
    with pytest.raises(ValueError):
        moment(f"{text}T08:00", ZoneInfo("Asia/Shanghai"))


def test_a_day_and_a_moment_are_read() -> None:
    assert day("1900-01-01").year == 1900 and day("2200-12-31").year == 2200
    assert moment("2026-03-01T08:00", ZoneInfo("Asia/Shanghai")).isoformat() == "2026-03-01T08:00:00+08:00"


@pytest.mark.parametrize("said", NUMBERS)
async def test_no_number_breaks_a_page(stage: Stage, said: str) -> None:
    lead, admin, sent = await stage.client("zhangwei"), await stage.client("admin"), quote(said)
    assert lead.seat is not None
    team, broken = next(iter(lead.seat.teams)), list[str]()
    pages = [(lead, f"/plans/newborn_care{path}={sent}") for path in ("?version", "/calendar?days", "/progress?days", "/diff?old")]
    pages += [(lead, f"{path}={sent}") for path in ("/cohorts/compare?b=1&a", "/content?page", "/mass/new?cohort", "/plans/gentle?version")]
    pages += [(admin, f"{path}={sent}") for path in ("/admin/audit?page", "/admin/people?page", "/admin/triage/new?from")]
    for client, path in pages:
        answer = await client.get(path)
        broken += [f"{path[:60]}: {answer.status}"] if answer.status >= 500 else []
    forms = {
        "/plans/newborn_care/dry-run": {"whom": "family", "days": said},
        "/plans/newborn_care/enrol/preview": {"cohort": said, "hour": said},
        "/plan-drafts/check": {"yaml": plan(), "by": "rows", "do": f"remove:{said}"},
        "/cohorts/draft": {"by": "rows", "do": f"remove:{said}"},
        "/content/draft/blocks": {"kind": "article", "do": f"up:{said}"},
        "/content/draft/preview": {"kind": "article", "code": "a-1", "team": said},
        "/mass/draft/count": {"by": "cohort", "cohort": said, "text": "您好", "team": said},
        f"/team/{team}/duties": {"staff": str(lead.seat.staff.id), "tier": said, "starts": "", "ends": ""},
    }
    for path, form in forms.items():
        answer = await lead.post(path, **form)
        broken += [f"{path}: {answer.status}"] if answer.status >= 500 else []
    assert broken == []


@pytest.mark.parametrize("said", DAYS)
async def test_no_day_breaks_a_page(stage: Stage, said: str) -> None:
    lead, admin, sent = await stage.client("zhangwei"), await stage.client("admin"), quote(said)
    assert lead.seat is not None
    for path in ("/admin/audit", "/admin/feeds"):
        for name in ("from", "until"):
            assert (await admin.get(f"{path}?{name}={sent}")).status == 200
    assert "日期" in await lead.text(f"/plans/newborn_care/calendar?anchor-discharge={sent}")
    team, now = next(iter(lead.seat.teams)), len(await duties(stage))
    form = {"staff": str(lead.seat.staff.id), "tier": "2", "starts": f"{said}T08:00", "ends": ""}
    assert "wrong=form" in (await lead.post(f"/team/{team}/duties", **form)).headers["Location"]
    assert len(await duties(stage)) == now


async def duties(stage: Stage) -> list[int]:
    async with stage.db.transaction() as tx:
        return list(await tx.scalars(select(OnCall.id)))
