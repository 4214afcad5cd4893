"""Clarifying questions in the chat: few, chosen by the report, ended early, and never in the way of help or of a follow-up."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from bot.around import around
from bot.handover import handed_over
from bot.reply import Reply, merge
from bot.turn import Answer, TurnTaker
from plans.work_list import work_list
from records.chat import Chat
from records.clarification import Clarification
from records.flag import raise_flag
from records.message import Inbound
from records.observation import Observation
from records.staff import Staff, TeamMember
from tests.dialogue.conftest import ZONE, Family

pytestmark = pytest.mark.dialogue


@pytest.fixture
async def toddler(new_family) -> Family:
    """Mother Zhao with 豆豆, one year old."""
    return await new_family(("豆豆", date(2025, 1, 20), "M"))


async def taps(family: Family, label: str) -> str:
    """The offered choice of this label, out of a menu that WeCom takes."""
    assert len(merge([Reply(reply.text, reply.buttons) for reply in family.heard])) == 1
    menu_id = next(menu_id for menu_id, offered in family.choices.items() if offered == label)
    return await family.says(label, menu_id=menu_id)


async def rows(family: Family) -> list[Clarification]:
    async with family.db.transaction() as tx:
        return list(await tx.scalars(select(Clarification).where(Clarification.chat_id == family.chat_id).order_by(Clarification.id)))


async def states(family: Family) -> list[str]:
    return [row.state for row in await rows(family)]


async def told(family: Family, question: str) -> str:
    return str((await rows(family))[-1].answers[question]["tells"])


async def on_record(family: Family, code: str) -> list[Observation]:
    async with family.db.transaction() as tx:
        found = await tx.scalars(select(Observation).where(Observation.patient_id == family.children[0], Observation.code == code))
        return list(found)


async def test_a_fever_is_cleared_up_by_three_taps(toddler: Family) -> None:
    said = await toddler.says("宝宝发烧38.3度")
    assert "38.3" in said
    assert "抽搐" in said and "120" in said
    assert "4小时" not in said
    assert "多久" in await taps(toddler, "都没有")
    assert "哪里量的" in await taps(toddler, "一两天")
    said = await taps(toddler, "腋下")
    assert "没有上面说的危险情况，38.3" not in said
    for part in ("38.3", "烧了一两天", "腋下量的", "4小时", "120"):
        assert part in said
    assert await states(toddler) == ["enough"]
    assert {row.detail["status"] for row in await on_record(toddler, "convulsion")} == {"absent"}
    assert [row.detail["hours"] for row in await on_record(toddler, "clarify.fever") if "hours" in row.detail] == [36]


async def test_what_was_said_already_is_not_asked(toddler: Family) -> None:
    said = await toddler.says("发烧两天了，38.3，腋下量的")
    assert "抽搐" in said
    said = await toddler.says("没有")
    assert "烧了2天" in said
    assert await states(toddler) == ["enough"]


async def test_the_height_is_asked_when_nobody_said_it(toddler: Family) -> None:
    await toddler.says("宝宝发烧了")
    assert "多少度" in await toddler.says("没有，精神挺好的")
    said = await toddler.says("38度6，耳温枪量的，昨天晚上开始的")
    assert "38.6" in said and "耳朵量的" in said and "13小时" in said
    assert await toddler.recorded("temperature") == [38.6]
    assert await states(toddler) == ["enough"]


async def test_no_fever_after_all_ends_it_early(toddler: Family) -> None:
    await toddler.says("宝宝有点发烧")
    await toddler.says("都没有")
    said = await toddler.says("刚量了，36.9")
    assert "36.9" in said and "多久" not in said
    assert await states(toddler) == ["enough"]


async def test_a_yes_to_a_danger_sign_is_an_alert_and_ends_it(toddler: Family) -> None:
    await toddler.says("宝宝发烧38.3度")
    said = await taps(toddler, "抽搐了")
    assert "120" in said
    [flag] = await toddler.flags()
    assert (flag.category, flag.level) == ("convulsion", "emergency")
    assert await states(toddler) == ["danger"]
    assert "咱们接着" not in await toddler.says("好的")


async def test_a_short_answer_is_judged_as_the_sentence_it_stands_for(toddler: Family) -> None:
    await toddler.says("宝宝吐了")
    said = await toddler.says("绿色的")
    assert "急诊" in said or "120" in said
    [flag] = await toddler.flags()
    assert flag.category == "bilious_vomit"
    assert await states(toddler) == ["danger"]


async def test_five_days_of_fever_bring_a_clinician_today(toddler: Family) -> None:
    await toddler.says("宝宝发烧38.3度")
    await toddler.says("没有")
    await toddler.says("五天了")
    [flag] = await toddler.flags()
    assert (flag.category, flag.level) == ("fever_high", "same_day")
    assert "38.3" in flag.said


@pytest.mark.parametrize(
    ("report", "answers", "known"),
    [
        ("宝宝吐了", ["没有", "2次", "能喝，没再吐"], "今天吐了2次"),
        ("宝宝拉肚子", ["没有血", "四次", "和平时差不多"], "今天拉了4次"),
        ("宝宝有点咳嗽", ["没有，呼吸挺平稳", "吃得还行", "三天了"], "咳了3天"),
        ("宝宝身上起疹子了", ["会褪色", "没有发烧", "差不多"], "没有变多"),
    ],
)
async def test_each_report_has_its_own_questions(toddler: Family, report: str, answers: list[str], known: str) -> None:
    said = await toddler.says(report)
    assert "？" in said
    for answer in answers:
        said = await toddler.says(answer)
    assert known in said
    assert "120" in said
    assert await states(toddler) == ["enough"]
    assert await toddler.flags() == []


async def test_a_side_question_is_answered_and_the_question_asked_again(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    said = await toddler.says("宝宝吐奶怎么办")
    assert "参考" in said
    assert "咱们接着刚才的" in said and "呼吸费力" in said
    assert "吃奶、喝水" in await toddler.says("没有")


async def test_three_answers_that_nobody_can_read_end_it_politely(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    assert "呼吸费力" in await toddler.says("红的绿的都有木头")
    assert "呼吸费力" in await toddler.says("东西掉地上")
    said = await toddler.says("木头做的呀")
    assert "先不问了" in said and "120" in said
    assert await states(toddler) == ["unread"]


async def test_a_nod_is_no_answer_and_no_riddle(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    said = await toddler.says("好的")
    assert "咱们接着" in said and "没看明白" not in said


async def test_a_yes_to_several_danger_signs_is_taken_seriously(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    await toddler.says("有")
    assert {flag.level for flag in await toddler.flags()} <= {"urgent", "emergency"}
    assert await toddler.flags() != []
    assert await states(toddler) == ["danger"]


@pytest.mark.parametrize("text", ["先不说了", "算了", "现在没空"])
async def test_the_family_can_leave_it(toddler: Family, text: str) -> None:
    await toddler.says("宝宝有点咳嗽")
    assert "先不问了" in await toddler.says(text)
    assert await states(toddler) == ["left"]


async def test_what_the_family_does_not_know_is_passed_over(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    await toddler.says("没有")
    assert "多久" in await toddler.says("不清楚")


async def test_a_new_report_inside_is_taken(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    said = await toddler.says("还流鼻涕")
    assert "流鼻涕" in said and "呼吸费力" in said
    assert len(await on_record(toddler, "runny_nose")) == 1


async def test_nothing_is_asked_twice_in_a_day(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    await toddler.says("算了")
    assert "呼吸费力" not in await toddler.says("宝宝还是咳嗽，三天了")
    toddler.now += timedelta(days=1)
    assert "呼吸费力" in await toddler.says("宝宝还是咳嗽")


async def test_who_says_nothing_more_is_not_chased_and_begins_anew(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    toddler.now += timedelta(hours=3)
    assert "咱们接着" not in await toddler.says("你好")
    assert await states(toddler) == ["left"]


async def test_a_person_can_be_called_inside(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    await toddler.says("转人工")
    assert toddler.turn is not None
    assert toddler.turn.wants_human == "request"
    assert await states(toddler) == ["left"]


async def test_an_earlier_answer_is_put_right_by_tapping_it_again(toddler: Family) -> None:
    await toddler.says("宝宝发烧38.3度")
    await taps(toddler, "都没有")
    first = next(menu_id for menu_id, label in toddler.choices.items() if label == "三四天")
    await taps(toddler, "一两天")
    assert "哪里量的" in await toddler.says("三四天", menu_id=first)
    assert await told(toddler, "how_long") == "烧了三四天"


async def test_the_follow_ups_own_question_goes_first(family: Family) -> None:
    await family.is_asked()
    said = await family.says("有点咳嗽，3.4公斤")
    assert "呼吸费力" not in said
    assert await states(family) == []


async def test_what_the_last_answer_of_a_follow_up_tells_is_cleared_up_after_it(family: Family) -> None:
    await family.is_asked()
    for text in ("3.4公斤", "吃了9次，每次60毫升，湿尿布8片，有点咳嗽"):
        said = await family.says(text)
    assert (await family.task()).state == "done"
    assert "呼吸费力" in said
    assert "吃奶、喝水" in await family.says("没有")


async def test_a_follow_up_that_becomes_due_ends_it(family: Family) -> None:
    await family.says("宝宝有点咳嗽")
    await family.is_asked()
    assert await states(family) == ["superseded"]
    assert "3.40公斤" in await family.says("3.4公斤")


async def test_with_two_children_it_is_about_the_one_that_was_named(two_children: Family) -> None:
    await two_children.says("乐乐有点咳嗽")
    [row] = await rows(two_children)
    assert row.patient_id == two_children.children[1]
    await two_children.says("没有")
    await two_children.says("安安体温36.8")
    assert await states(two_children) == ["superseded"]
    assert await two_children.recorded("temperature") == [36.8]


async def test_what_opens_nothing_leaves_no_trace(toddler: Family) -> None:
    for text in ("体温36.8", "体重10公斤", "你好", "宝宝吐奶怎么办", "昨天咳嗽，已经好了"):
        await toddler.says(text)
    assert await rows(toddler) == []


async def test_what_opens_nothing_costs_no_statement(toddler: Family) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    for text in ("体温36.8", "你好", "今天大便3次"):
        await toddler.says(text)
    event.remove(Engine, "before_cursor_execute", note)
    assert asked
    assert [statement for statement in asked if "FROM clarification" in statement or "INTO clarification" in statement] == []


async def takes(family: Family, text: str) -> Answer:
    """One message on the road of the service, without the chat's other jobs."""
    taker = TurnTaker(family.dialogue, ZONE, emergency_phone="120")
    async with family.db.transaction() as tx:
        chat = await tx.get_one(Chat, family.chat_id)
        message = Inbound(
            chat_id=chat.id, msgid=text, origin=3, msgtype="text", text=text, body={}, sent_at=family.now, received_at=family.now
        )
        tx.add(message)
        await tx.flush()
        answer = await taker.take(tx, chat, message, (await around(tx, [chat], family.now))[chat.id], family.now)
        await taker.save(tx)
    return answer


async def test_what_is_to_be_done_today_stands_before_the_question(family: Family) -> None:
    answer = await takes(family, "宝宝脸有点黄")
    assert [flag.level for flag in await family.flags()] == ["same_day"]
    assert "叫不醒" in answer.replies[-1].text and answer.replies[-1].buttons
    assert len(answer.replies) == 3
    assert len(merge(answer.replies)) == 1


async def test_the_work_list_shows_what_was_answered_after_the_alert(family: Family) -> None:
    await family.says("宝宝脸有点黄")
    await takes(family, "没有")
    async with family.db.transaction() as tx:
        chat = await tx.get_one(Chat, family.chat_id)
        nurse = Staff(userid="linyue", name="林护士", title="护士")
        tx.add(nurse)
        await tx.flush()
        tx.add(TeamMember(team_id=chat.team_id, staff_id=nurse.id))
        await raise_flag(
            tx, chat, level="same_day", categories=["neonatal_jaundice"], said="脸有点黄", because="黄疸", evidence=[], now=family.now,
            patient_id=family.children[0],
        )  # fmt: skip
        [item] = await work_list(tx, nurse, family.now)
    assert "能叫醒" in item.text


async def test_on_the_road_of_a_message_triage_comes_first_and_the_alert_holds_what_was_answered(toddler: Family) -> None:
    await toddler.says("宝宝发烧38.3度")
    await toddler.says("都没有")
    answer = await takes(toddler, "刚才抽搐了")
    assert answer.outcome["answer"] == "triage"
    [flag] = await toddler.flags()
    assert flag.level == "emergency"
    assert "没有上面说的危险情况" in flag.because
    assert await states(toddler) == ["danger"]


async def test_a_person_who_takes_the_chat_asks_the_rest(toddler: Family) -> None:
    await toddler.says("宝宝有点咳嗽")
    async with toddler.db.transaction() as tx:
        chat = await tx.get_one(Chat, toddler.chat_id)
        await handed_over(tx, chat, service_state=3, owner=None, now=toddler.now, reason="test")
    assert await states(toddler) == ["left"]


@pytest.mark.parametrize(
    ("report", "theme", "answers", "known"),
    [
        ("宝宝肚子疼", "pain", ["没有", "不耽误玩", "两天了"], "疼了2天"),
        ("豆豆没什么胃口，吃得少", "feeding", ["没有", "一多半", "正常"], "小便和平时差不多"),
        ("宝宝一直哭", "crying", ["没有", "抱着能哄住", "不烧"], "抱着能哄住，没有发热"),
        ("今天忘了喂药", "medicine", ["头孢克肟，早上的", "一次", "挺好的"], "少了一次药"),
        ("伤口有点疼", "wound", ["没有", "不发烧", "有点红"], "伤口有点红"),
    ],
)
async def test_more_themes(toddler: Family, report: str, theme: str, answers: list[str], known: str) -> None:
    said = await toddler.says(report)
    assert [row.theme for row in await rows(toddler)] == [theme], said
    for answer in answers:
        said = await toddler.says(answer)
    assert known in said
    assert await states(toddler) == ["enough"]


async def test_a_newborns_jaundice_is_asked_about_while_triage_has_told_the_team(family: Family) -> None:
    said = await family.says("宝宝脸有点黄")
    assert "叫不醒" in said
    await family.says("没有")
    said = await taps(family, "手心脚心都黄")
    assert [flag.level for flag in await family.flags() if flag.category == "neonatal_jaundice"] == ["urgent"]
    assert await states(family) == ["danger"]
