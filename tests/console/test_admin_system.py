"""Interfaces, settings, jobs, tags, rules and the contact policy: as their keepers work with them, and nobody else."""

from datetime import timedelta

from sqlalchemy import select, update

from bot.doctor_finding import Finding
from bot.intake.feeds import add_feed
from bot.settings import Settings
from bot.staff_sync import Corp
from console.admin.system import shown
from console.installation import Installation
from plans.reach.policy import load_policy, shipped
from records.adaptation import AdaptationRule
from records.database import Database
from records.feed import Feed, FeedMessage, message_row, store_messages
from records.message import Outbound, enqueue
from records.refusal import AccessRefusal
from records.state import StateChange
from records.tag import Tag, TagVersion
from tests.console.stage import NOW, Client, Stage, open_stage
from tests.plans.adaptation.test_rule import GOOD

PAGES = {
    "/admin/feeds": "feed.manage",
    "/admin/system": "settings.manage",
    "/admin/jobs": "settings.manage",
    "/admin/reach": "settings.manage",
    "/admin/tags": "tag.write",
    "/admin/rules": "rule.write",
}
SECRET = "a-secret-nobody-sees"


async def test_a_nurse_comes_into_none_of_them(stage: Stage) -> None:
    nurse = await stage.client("linyue")
    for path in PAGES:
        assert (await nurse.get(path)).status == 403
    assert (await nurse.post("/admin/reach", text=shipped())).status == 403
    assert (await nurse.post("/admin/tags/new", code="x", name="x")).status == 403
    async with stage.db.transaction() as tx:
        assert list(await tx.scalars(select(AccessRefusal.what).order_by(AccessRefusal.id)))[: len(PAGES)] == list(PAGES.values())


async def dead_letter(stage: Stage) -> int:
    body = b"MSH|^~\\&|HIS|HOSP|CARELOOP|HOSP|20260301||ADT^A01|7|P|2.5\rPID|1||P1||<script>alert(1)</script>"
    async with stage.db.transaction() as tx:
        feed = await add_feed(tx, "his", "hl7", {}, now=NOW)
        row = message_row(
            feed_id=feed.id, key="7", body=body, received_at=NOW - timedelta(hours=1), connection="c", kind="ADT^A01", order_key="P1",
            control_id="7", refused="no_patient",
        )  # fmt: skip
        await store_messages(tx, [row])
        return (await tx.scalars(select(FeedMessage.id))).one()


async def test_a_dead_letter_is_looked_at_and_applied_again(stage: Stage) -> None:
    number, admin = await dead_letter(stage), await stage.client("admin")
    page = await admin.text("/admin/feeds")
    assert "no_patient" in page and "his" in page and "P1" not in page
    there = f"/admin/feeds/messages/{number}"
    assert "PID" not in await admin.text(there)
    raw = await (await admin.post(there)).text()
    assert "PID" in raw and "<script>alert" not in raw
    assert "wrong=nothing_chosen" in (await admin.post("/admin/feeds/replay")).headers["Location"]
    assert "said=replayed" in (await admin.post("/admin/feeds/replay", message=str(number))).headers["Location"]
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(FeedMessage.state))).one() == "new"
        changes = [(row.by, row.reason) for row in await tx.scalars(select(StateChange).where(StateChange.entity == "feed_message"))]
        feed = (await tx.scalars(select(Feed.id))).one()
    assert changes == [("admin", "raw shown"), ("admin", "replay")]
    assert (await admin.post(f"/admin/feeds/{feed}/switch")).status == 303 and "已停用" in await admin.text("/admin/feeds")
    assert (await admin.get("/admin/feeds/messages/99999")).status == 404


async def test_settings_are_shown_and_secrets_are_not(db: Database) -> None:
    settings = Settings.model_validate({"wecom": {"corp_id": "ww1", "secret": SECRET}, "database_url": f"postgresql://u:{SECRET}@h/d"})

    async def check() -> list[Finding]:
        return [Finding(True, "数据库可用"), Finding(False, "Secret 不对")]

    async def directory() -> Corp:
        raise OSError("no network")

    lines = {each.name: each.value for each in shown(settings)}
    assert lines["wecom.secret"] == lines["database_url"] == "已设置（不显示）" and SECRET not in str(lines)
    async with open_stage(db, installation=Installation(settings, check, directory)) as stage:
        admin = await stage.client("admin")
        page = await admin.text("/admin/system")
        assert "ww1" in page and SECRET not in page
        found = await (await admin.post("/admin/system/check")).text()
        assert "数据库可用" in found and "1个问题" in found
        failed = await admin.post("/admin/people/sync")
        assert "wrong=wecom_down" in failed.headers["Location"]


async def test_the_queue_says_that_nobody_works(stage: Stage) -> None:
    assert "没有工作进程在运行" in await (await stage.client("admin")).text("/admin/jobs")


async def test_a_tag_is_made_changed_and_retired(stage: Stage) -> None:
    admin = await stage.client("admin")
    new = {"code": "own.travel", "name": "路途远", "kind": "management", "meaning": "家在外地，来院要一天以上", "shared": "1"}
    assert "said=tag_saved" in (await admin.post("/admin/tags/new", **new)).headers["Location"]
    assert "路途远" in await admin.text("/admin/tags?q=%E8%B7%AF%E9%80%94")
    twice = await admin.post("/admin/tags/new", **new)
    assert twice.status == 422 and "不能和已有的重复" in await twice.text()
    same = await admin.post("/admin/tags/own.travel", **(new | {"name": "早产", "meaning": "短"}))
    assert same.status == 422 and "短" in await same.text()
    assert "said=tag_saved" in (await admin.post("/admin/tags/own.travel", **(new | {"expires_days": "90"}))).headers["Location"]
    assert "说不能停用" not in await admin.text("/admin/tags/preterm")
    assert "不能停用" in await (await admin.post("/admin/tags/preterm/retire")).text()
    assert "said=tag_retired" in (await admin.post("/admin/tags/own.travel/retire")).headers["Location"]
    async with stage.db.transaction() as tx:
        tag = (await tx.scalars(select(Tag).where(Tag.code == "own.travel"))).one()
        versions = list(await tx.scalars(select(TagVersion.by).where(TagVersion.tag_id == tag.id)))
    assert (tag.active, versions) == (False, ["admin"] * 3)
    assert (await admin.get("/admin/tags/nothing")).status == 404


async def rule(stage: Stage) -> AdaptationRule:
    async with stage.db.transaction() as tx:
        return (await tx.scalars(select(AdaptationRule))).one()


async def test_a_rule_is_checked_tried_saved_and_approved_by_another(stage: Stage) -> None:
    admin, lead = await stage.client("admin"), await stage.client("zhangwei")
    wrong = await admin.post("/admin/rules/new", text="rules: [", do="check")
    assert wrong.status == 422 and "rules: [" in await wrong.text()
    assert "全部通过" in await (await admin.post("/admin/rules/new", text=GOOD, do="check")).text()
    assert "没有写入任何数据" in await (await admin.post("/admin/rules/new", text=GOOD, do="try", days="7")).text()
    assert "said=rule_saved" in (await admin.post("/admin/rules/new", text=GOOD, do="save")).headers["Location"]
    draft = await rule(stage)
    assert (await admin.post(f"/admin/rules/{draft.id}/approve")).status == 403
    assert "等待审核" in await lead.text("/admin/rules") and GOOD[:20] in await lead.text(f"/admin/rules/new?from={draft.id}")
    assert "said=rule_active" in (await lead.post(f"/admin/rules/{draft.id}/approve")).headers["Location"]
    assert (await rule(stage)).approver == "zhangwei"
    assert "said=rule_retired" in (await lead.post(f"/admin/rules/{draft.id}/retire")).headers["Location"]
    again = await lead.post(f"/admin/rules/{draft.id}/retire")
    assert "why=" in again.headers["Location"] and (await rule(stage)).state == "retired"
    assert (await lead.post("/admin/rules/99999/approve")).status == 404


async def own_rule(client: Client) -> None:
    assert "said=rule_saved" in (await client.post("/admin/rules/new", text=GOOD, do="save")).headers["Location"]


async def test_nobody_approves_his_own_rule(stage: Stage) -> None:
    lead = await stage.client("zhangwei")
    await own_rule(lead)
    refused = await lead.post(f"/admin/rules/{(await rule(stage)).id}/approve")
    assert "不能自己批准" in await lead.text(refused.headers["Location"].removeprefix("/console"))
    assert (await rule(stage)).state == "draft"


async def test_the_contact_policy_is_changed_whole_or_not_at_all(stage: Stage) -> None:
    admin = await stage.client("admin")
    assert "21:00 至 08:00" in await admin.text("/admin/reach")
    wrong = await admin.post("/admin/reach", text=shipped().replace("per_day: 4", "per_day: 0"))
    assert wrong.status == 422 and "per_day: 0" in await wrong.text()
    changed = shipped().replace("per_day: 4", "per_day: 3")
    assert "said=policy_saved" in (await admin.post("/admin/reach", text=changed)).headers["Location"]
    async with stage.db.transaction() as tx:
        assert (await load_policy(tx)).hospital.budget.per_day == 3
    assert "上次由admin" in await admin.text("/admin/reach")


async def test_an_administrator_holds_everything_back_and_all_see_it(stage: Stage) -> None:
    admin, nurse = await stage.client("admin"), await stage.client("linyue")
    assert (await nurse.post("/admin/sending/pause", reason="x")).status == 403
    assert "said=sending_why" in (await admin.post("/admin/sending/pause", reason=" ")).headers["Location"]
    assert "已全部暂停" not in await nurse.text("/work")
    assert "said=sending_paused" in (await admin.post("/admin/sending/pause", reason="发错了")).headers["Location"]
    assert "已全部暂停" in await nurse.text("/work") and "发错了" in await admin.text("/admin/system")
    assert "said=sending_resumed" in (await admin.post("/admin/sending/resume")).headers["Location"]
    assert "已全部暂停" not in await nurse.text("/work")
    assert "主动消息" in await admin.text("/admin/audit?kind=change")


async def test_what_could_not_be_sent_is_tried_once_more(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await enqueue(tx, "reply:1", line="staff:x", route="app", payload={}, purpose="notice", now=stage.now)
        await tx.execute(update(Outbound).values(state="failed", error="bad_secret"))
    admin = await stage.client("admin")
    assert "bad_secret" in await admin.text("/admin/jobs")
    assert "said=stuck_again" in (await admin.post("/admin/jobs/again", kind="outgoing", key="reply:1")).headers["Location"]
    assert "said=stuck_not_stuck" in (await admin.post("/admin/jobs/again", kind="outgoing", key="reply:1")).headers["Location"]
    assert (await admin.post("/admin/jobs/again", kind="nothing", key="1")).status == 400
