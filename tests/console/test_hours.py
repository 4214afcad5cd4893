"""A team's working hours: set by its lead, holidays and shifted days, what is refused, and another team's lead who may not."""

from sqlalchemy import select

from records.state import StateChange
from records.working_hours import WorkingHours
from tests.console.stage import Stage
from tests.console.test_team import team_id

MORNING = {f"from-{day}-0": "08:00" for day in range(5)} | {f"to-{day}-0": "12:00" for day in range(5)}


async def hours(stage: Stage, team: int) -> WorkingHours | None:
    async with stage.db.transaction() as tx:
        return await tx.get(WorkingHours, team)


async def test_a_lead_sets_the_week_and_the_days_that_are_otherwise(stage: Stage) -> None:
    lead, team = await stage.client("zhangwei"), await team_id(stage)
    there = f"/team/{team}/hours"
    page = await lead.text(there)
    assert "按全天处理" in page and 'value="08:00"' in page and "国庆节" not in page
    assert "said=hours_kept" in (await lead.post(f"{there}/week", list(MORNING.items()))).headers["Location"]
    # It is Sunday.
    assert "现在休息，明天 08:00 上班" in await lead.text(there)
    spans = [
        {"first": "2026-03-02", "last": "2026-03-06", "like": "off", "name": "义诊"},
        {"first": "2026-03-07", "like": "0", "name": "调休"},
    ]
    for span in spans:
        assert "said=days_kept" in (await lead.post(f"{there}/days", list(span.items()))).headers["Location"]
    page = await lead.text(there)
    assert "3月2日 至 3月6日" in page and "上班，按周一的时间" in page and "现在休息，3月7日 08:00 上班" in page
    assert "said=days_dropped" in (await lead.post(f"{there}/days/drop", first="2026-03-02", last="2026-03-06")).headers["Location"]
    assert "现在休息，明天 08:00 上班" in await lead.text(there)
    row = await hours(stage, team)
    assert row is not None and row.week[0] == [["08:00", "12:00"]] and row.week[6] == []
    assert row.days == {"2026-03-07": {"like": 0, "name": "调休"}}
    assert "said=hours_dropped" in (await lead.post(f"{there}/drop")).headers["Location"]
    assert await hours(stage, team) is None
    async with stage.db.transaction() as tx:
        changes = list(await tx.scalars(select(StateChange).where(StateChange.entity == "working_hours").order_by(StateChange.id)))
    assert [change.by for change in changes] == ["zhangwei"] * 5 and changes[-1].detail["week"][0] == row.week


async def test_what_cannot_be_meant_is_said_and_changes_nothing(stage: Stage) -> None:
    lead, team = await stage.client("zhangwei"), await team_id(stage)
    there = f"/team/{team}/hours"
    weeks: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "至少要有一段"),
        ({"from-0-0": "08:00"}, "要有开始和结束"),
        ({"from-0-0": "25:00", "to-0-0": "26:00"}, "要有开始和结束"),
        ({"from-0-0": "12:00", "to-0-0": "08:00"}, "要晚于"),
        ({"from-0-0": "08:00", "to-0-0": "15:00", "from-0-1": "14:00", "to-0-1": "17:00"}, "不能重叠"),
    )
    for given, words in weeks:
        answer = await lead.post(f"{there}/week", list(given.items()))
        assert words in await lead.text(answer.headers["Location"].removeprefix("/console")), given
    answer = await lead.post(f"{there}/days", first="2026-10-01", like="off")
    assert "至少要有一段" in await lead.text(answer.headers["Location"].removeprefix("/console"))
    await lead.post(f"{there}/week", list(MORNING.items()))
    days = (
        ({"first": "", "like": "off"}, "请填好"),
        ({"first": "2026-10-01", "like": "7"}, "请填好"),
        ({"first": "2026-10-07", "last": "2026-10-01", "like": "off"}, "不能早于"),
        ({"first": "2026-10-01", "last": "2027-10-01", "like": "off"}, "31天"),
    )
    for given, words in days:
        answer = await lead.post(f"{there}/days", list(given.items()))
        assert words in await lead.text(answer.headers["Location"].removeprefix("/console")), given
    row = await hours(stage, team)
    assert row is not None and row.days == {}


async def test_another_teams_lead_and_a_nurse_set_nothing(stage: Stage) -> None:
    lead, nurse = await stage.client("zhangwei"), await stage.client("linyue")
    team, other = await team_id(stage), await team_id(stage, "呼吸科")
    assert (await lead.get(f"/team/{other}/hours")).status == 404
    assert (await lead.post(f"/team/{other}/hours/week", list(MORNING.items()))).status == 404
    assert (await nurse.post(f"/team/{team}/hours/week", list(MORNING.items()))).status == 403
    # Nor are another team's hours handed out by copying them.
    admin = await stage.client("admin")
    await admin.post(f"/team/{other}/hours/week", list(MORNING.items()))
    answer = await lead.post(f"/team/{team}/hours/copy", [("from", str(other))])
    assert "wrong=hours_team" in answer.headers["Location"] and await hours(stage, team) is None
    assert "said=hours_kept" in (await admin.post(f"/team/{team}/hours/copy", [("from", str(other))])).headers["Location"]
    copied, model = await hours(stage, team), await hours(stage, other)
    assert copied is not None and model is not None and copied.week == model.week
