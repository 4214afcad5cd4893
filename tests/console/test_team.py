"""Teams: the rota and its gaps, members, handing work over, and what another team's lead may not."""

from datetime import timedelta

from sqlalchemy import delete, select

from bot.handover import HUMAN, handed_over
from bot.leaving import leave
from plans.rota import gaps
from records.chat import Chat
from records.errand import Errand, raise_errand
from records.flag import Flag
from records.patient import Patient
from records.refusal import AccessRefusal
from records.staff import OnCall, Staff, Team, TeamMember
from tests.console.stage import NOW, Stage


async def team_id(stage: Stage, name: str = "随访中心") -> int:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Team.id).where(Team.name == name))).one()


async def staff_id(stage: Stage, userid: str) -> int:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(Staff.id).where(Staff.userid == userid))).one()


async def give_work(stage: Stage, userid: str) -> None:
    """An alert that he has taken, a chat and an errand that are his."""
    patient_id, team, owner = await stage.patient("D0001"), await team_id(stage), await staff_id(stage, userid)
    async with stage.db.transaction() as tx:
        chat = Chat(
            open_kfid="wk1", external_userid="wm1", team_id=team, patient_id=patient_id, state="human", owner_id=owner, service_state=3,
            opened_at=NOW,
        )  # fmt: skip
        tx.add(chat)
        await tx.flush()
        flag = Flag(
            chat_id=chat.id, patient_id=patient_id, team_id=team, level="urgent", category="fever", said="发烧", because="38.5",
            raised_at=NOW, state="acknowledged", owner_id=owner, acknowledged_at=NOW,
        )  # fmt: skip
        tx.add(flag)
        patient = await tx.get_one(Patient, patient_id)
        errand = await raise_errand(tx, patient, kind="by_hand", text="打电话", because="没有回复", key="e1", now=NOW)
        (await tx.get_one(Errand, errand)).owner_id = owner


def test_gaps_are_what_no_duty_covers() -> None:
    hour = timedelta(hours=1)

    def duty(start: int | None, end: int | None) -> OnCall:
        return OnCall(starts_at=NOW + start * hour if start is not None else None, ends_at=NOW + end * hour if end is not None else None)

    assert gaps([], NOW, NOW + hour) == [(NOW, NOW + hour)]
    assert gaps([duty(None, None)], NOW, NOW + 9 * hour) == []
    assert gaps([duty(4, 6), duty(None, 2), duty(1, 3)], NOW, NOW + 8 * hour) == [
        (NOW + 3 * hour, NOW + 4 * hour),
        (NOW + 6 * hour, NOW + 8 * hour),
    ]
    assert gaps([duty(20, None)], NOW, NOW + 8 * hour) == [(NOW, NOW + 8 * hour)]


async def test_a_lead_keeps_the_rota_and_sees_who_is_missing(stage: Stage) -> None:
    lead, team = await stage.client("zhangwei"), await team_id(stage)
    page = await lead.text(f"/team/{team}")
    assert "林悦" in page and "没有人值班" not in page
    async with stage.db.transaction() as tx:
        duties = list(await tx.scalars(select(OnCall.id).where(OnCall.team_id == team)))
    for duty in duties:
        assert (await lead.post(f"/team/{team}/duties/{duty}/end")).status == 303
    assert "没有人值班" in await lead.text(f"/team/{team}")
    linyue = str(await staff_id(stage, "linyue"))
    span = {"starts": "2026-03-02T08:00", "ends": "2026-03-02T20:00"}
    added = await lead.post(f"/team/{team}/duties", staff=linyue, tier="1", **span)
    assert "said=duty_added" in added.headers["Location"]
    again = await lead.post(f"/team/{team}/duties", staff=linyue, tier="1", **span)
    assert "已经在同一梯队" in await lead.text(again.headers["Location"].removeprefix("/console"))
    turned = await lead.post(f"/team/{team}/duties", staff=linyue, tier="1", starts="2026-03-03T08:00", ends="2026-03-02T08:00")
    assert "wrong=ends_first" in turned.headers["Location"]
    nonsense = await lead.post(f"/team/{team}/duties", staff="x", tier="1", starts="soon")
    assert "wrong=form" in nonsense.headers["Location"]
    page = await lead.text(f"/team/{team}")
    assert "明天 08:00" in page and "2段时间没有人值班" in page


async def test_work_goes_to_a_colleague_and_the_alert_waits_for_him(stage: Stage) -> None:
    await give_work(stage, "linyue")
    lead, team = await stage.client("zhangwei"), await team_id(stage)
    linyue, zhangwei = await staff_id(stage, "linyue"), await staff_id(stage, "zhangwei")
    there = f"/team/{team}/members/{linyue}"
    assert "预警1条" in await lead.text(f"{there}/hand-over")
    assert "wrong=has_work" in (await lead.post(f"{there}/remove")).headers["Location"]
    assert (await lead.post(f"{there}/hand-over", to=str(zhangwei))).status == 303
    async with stage.db.transaction() as tx:
        flag = (await tx.scalars(select(Flag))).one()
        assert (flag.state, flag.owner_id) == ("delivered", None) and flag.next_at is not None and flag.next_at > NOW
        assert (await tx.scalars(select(Errand.owner_id))).one() == zhangwei
        # WeCom agrees.
        chat, colleague = (await tx.scalars(select(Chat))).one(), await tx.get_one(Staff, zhangwei)
        await handed_over(tx, chat, service_state=HUMAN, owner=colleague, now=NOW, reason="handover")
    assert "said=member_removed" in (await lead.post(f"{there}/remove")).headers["Location"]
    async with stage.db.transaction() as tx:
        assert await tx.get(TeamMember, (team, linyue)) is None
        assert (await tx.scalars(select(OnCall).where(OnCall.staff_id == linyue, OnCall.ends_at.is_(None)))).all() == []


async def test_whoever_leaves_leaves_nothing_behind(stage: Stage) -> None:
    await give_work(stage, "linyue")
    client = await stage.client("linyue")
    async with stage.db.transaction() as tx:
        person = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        work = await leave(tx, person, by="wecom", now=NOW)
    assert (work.alerts, work.chats, work.errands) == (1, 1, 1)
    assert (await client.get("/work")).status == 303
    async with stage.db.transaction() as tx:
        flag = (await tx.scalars(select(Flag))).one()
        assert (flag.state, flag.next_at) == ("delivered", NOW)
        errands = {errand.kind: errand for errand in await tx.scalars(select(Errand))}
        assert errands["by_hand"].owner_id is None and errands["handover"].text == "请接手与家属的会话"


async def test_a_chat_that_nobody_on_call_can_take_is_nobodys(stage: Stage) -> None:
    await give_work(stage, "linyue")
    async with stage.db.transaction() as tx:
        await tx.execute(delete(OnCall))
        person = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        assert (await leave(tx, person, by="wecom", now=NOW)).chats == 1
        chat = (await tx.scalars(select(Chat))).one()
        assert (chat.state, chat.owner_id) == ("human", None)


async def test_another_teams_lead_and_a_nurse_are_refused(stage: Stage) -> None:
    lead, nurse, other = await stage.client("zhangwei"), await stage.client("linyue"), await team_id(stage, "呼吸科")
    assert (await lead.get(f"/team/{other}")).status == 404
    assert (await lead.post(f"/team/{other}/members", staff=str(await staff_id(stage, "zhangwei")))).status == 404
    assert (await nurse.get("/team")).status == 403
    async with stage.db.transaction() as tx:
        refused = [(row.why, row.what) for row in await tx.scalars(select(AccessRefusal).order_by(AccessRefusal.id))]
        assert await tx.get(TeamMember, (other, await staff_id(stage, "zhangwei"))) is None
    assert refused == [("access_refused", f"team {other}")] * 2 + [("right_missing", "team.manage")]


async def test_a_lead_adds_whom_he_finds(stage: Stage) -> None:
    lead, team = await stage.client("zhangwei"), await team_id(stage)
    page = await lead.text(f"/team/{team}/members/new?q=%E7%A7%A6")
    assert "秦岚" in page and "周正" not in page
    qinlan = await staff_id(stage, "qinlan")
    assert "said=member_added" in (await lead.post(f"/team/{team}/members", staff=str(qinlan))).headers["Location"]
    assert "wrong=phone" in (await lead.post(f"/team/{team}/describe", phone="<script>")).headers["Location"]
