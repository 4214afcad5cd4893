"""Visits, medicines and results: what the hospital wrote, word for word, and a wish for another day put to the team."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.reply import merge
from bot.turn import Reply
from records.appointment import Appointment
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.observation import Observation
from records.question import QuestionToTeam
from tests.dialogue.conftest import NOW, ZONE, Family

pytestmark = pytest.mark.dialogue


def at(day: int, hour: int = 9, minute: int = 0, *, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


async def on_file(family: Family, *rows: object, child: int = 0) -> None:
    """Rows of a child, as an import leaves them."""
    async with family.db.transaction() as tx:
        for number, row in enumerate(rows):
            row.patient_id, row.source, row.updated_at = family.children[child], "test", NOW
            row.source_id = row.source_id or f"{child}-{type(row).__name__}-{number}-{family.now}"
            tx.add(row)


def visit(day: int = 9, hour: int = 9, **values: object) -> Appointment:
    given = {"department": "新生儿科", "place": "门诊3楼2诊室", "doctor": "何敏", "status": "booked"} | values
    return Appointment(**{"starts_at": at(day, hour)} | given)


def medicine(name: str, **values: object) -> MedicationRequest:
    return MedicationRequest(**{"name": name, "times": [], "status": "active"} | values)


def result(item: str, text: str, **values: object) -> LabResult:
    given = {"report": "血常规", "collected_at": at(1, 8), "released_at": at(1, 15)} | values
    return LabResult(item=item, text=text, **given)


async def asked_of_team(family: Family) -> list[str]:
    async with family.db.transaction() as tx:
        return list(await tx.scalars(select(QuestionToTeam.text).where(QuestionToTeam.chat_id == family.chat_id)))


def fits_one_message(family: Family) -> bool:
    return len(merge([Reply(reply.text, reply.buttons) for reply in family.heard])) == 1


# The next visit.


async def test_the_next_visit_is_told_with_day_time_place_and_doctor(family: Family) -> None:
    await on_file(family, visit(16), visit(9), visit(4, status="fulfilled"))
    said = await family.says("什么时候复诊")
    assert said.index("3月9日（周一）09:00，新生儿科，门诊3楼2诊室，何敏") < said.index("3月16日（周一）")
    assert "3月4日" not in said and "医院通知" in said
    assert family.choices == {"prepare": "要准备什么", "reschedule": "改时间"}
    assert fits_one_message(family)


async def test_tomorrow_is_called_so_and_a_time_in_words_is_said_as_it_stands(family: Family) -> None:
    await on_file(family, visit(3, 0, time_text="上午8:30-9:30", place=None, doctor=None))
    assert "明天，3月3日（周二）上午8:30-9:30，新生儿科\n" in await family.says("几号去复查")


async def test_no_visit_on_file_says_so_and_offers_the_nurse(family: Family) -> None:
    assert "没查到安安约好的复诊" in await family.says("什么时候复诊")
    assert family.choices == {"human": "找护士"}


async def test_a_cancelled_visit_is_told(family: Family) -> None:
    await on_file(family, visit(9, status="cancelled"))
    said = await family.says("下次什么时候复诊")
    assert "没查到" in said and "3月9日（周一）09:00" in said and "已经取消" in said
    await on_file(family, visit(11))
    said = await family.says("什么时候复诊")
    assert "3月11日" in said and "取消" not in said


async def test_registering_is_the_desks_matter(family: Family) -> None:
    await on_file(family, visit())
    assert "挂号" in await family.says("怎么挂号")
    assert "3月9日" not in family.last
    assert "3月9日" in await family.says("复诊要挂什么号")


@pytest.mark.parametrize("asked", ["什么时候去拆线", "心脏彩超几时轮到我们做呀"])
async def test_a_visit_is_not_passed_off_as_the_day_of_something_else(family: Family, asked: str) -> None:
    await on_file(family, visit())
    said = await family.says(asked)
    assert "下次复诊" not in said and "我这里能看到" in said and "别的安排" in said


@pytest.mark.parametrize("asked", ["床位排到没", "李主任什么时候上班", "彩超室在哪", "医保咋报销", "没号了"])
async def test_what_only_the_hospital_knows_is_not_answered_with_a_visit(family: Family, asked: str) -> None:
    await on_file(family, visit())
    assert "3月9日" not in await family.says(asked)
    assert list(family.choices) == ["human"]


# What to prepare.


async def test_what_to_prepare_is_the_hospitals_word(family: Family) -> None:
    await on_file(family, visit(prepare="带疫苗本，抽血前两小时不喂奶", fasting=True))
    said = await family.says("复诊要带什么")
    assert "带疫苗本，抽血前两小时不喂奶" in said and "要空腹" in said
    assert "待医生审阅" not in said


async def test_where_the_hospital_wrote_nothing_the_usual_is_told_as_not_reviewed_and_never_about_eating(family: Family) -> None:
    await on_file(family, visit())
    said = await family.says("复诊要带什么")
    assert "疫苗本" in said and "尚待医生审阅" in said
    said = await family.says("复查要空腹吗")
    assert "医院没写" in said and "别自己让孩子饿着" in said
    assert list(family.choices) == ["human"]


async def test_a_grandmother_is_no_milk_and_a_medicine_before_the_visit_is_the_teams(family: Family) -> None:
    await on_file(family, visit())
    assert "饿" not in await family.says("奶奶带去行不")
    await family.says("去复查那天药还吃吗")
    assert family.choices.keys() == {"yes", "no"}


async def test_without_a_visit_the_usual_is_told_too(family: Family) -> None:
    said = await family.says("复诊前要准备什么")
    assert "没查到安安约好的复诊" in said and "出院小结" in said


# Medicines.


async def test_medicines_are_listed_as_prescribed_with_what_is_due_today(family: Family) -> None:
    await on_file(
        family,
        medicine("维生素D滴剂(400单位)", dose="1粒", frequency="每日1次", times=["08:00"], route="口服", note="剪开囊口滴入口中"),
        medicine("布洛芬混悬液", dose="1.25ml", frequency="必要时", route="口服", ends_on=date(2026, 3, 5)),
        medicine("铁剂", dose="0.5ml", frequency="隔日1次", times=["20:00"]),
        medicine("旧药", dose="9片", status="stopped"),
        medicine("过期药", dose="9片", ends_on=date(2026, 3, 1)),
    )
    said = await family.says("今天要吃哪些药")
    assert "维生素D滴剂(400单位)：1粒，每日1次，08:00，口服（剪开囊口滴入口中）" in said
    assert "布洛芬混悬液：1.25ml，必要时，口服，用到3月5日（周四）" in said
    # Whether every other day is today, only the prescription knows.
    assert "今天：08:00 维生素D滴剂(400单位)\n" in said
    assert "旧药" not in said and "过期药" not in said
    assert fits_one_message(family)


async def test_how_one_medicine_is_taken_is_quoted_and_nothing_else(family: Family) -> None:
    await on_file(family, medicine("布洛芬混悬液", dose="1.25ml", frequency="必要时"), medicine("维生素D滴剂", dose="1粒"))
    for asked in ("布洛芬一次吃几毫升来着", "布洛芬怎么吃"):
        said = await family.says(asked)
        assert "布洛芬混悬液：1.25ml，必要时" in said and "维生素D" not in said, asked
        assert "别自己改" in said


@pytest.mark.parametrize("asked", ["药能不能多吃半片", "今天的药忘了吃，要补吃吗", "这个药可以停药吗", "药吃了又吐了要再补吗"])
async def test_a_change_of_dose_goes_to_the_team(family: Family, asked: str) -> None:
    await on_file(family, medicine("布洛芬混悬液", dose="1.25ml", frequency="必要时"))
    said = await family.says(asked)
    assert "1.25" not in said
    await family.says("好的", menu_id="yes")
    assert await asked_of_team(family) == [asked]


async def test_a_medicine_that_is_not_on_file_is_not_guessed(family: Family) -> None:
    assert "没有安安的用药单" in await family.says("我家孩子现在在吃哪些药")
    assert list(family.choices) == ["human"]
    await on_file(family, medicine("维生素D滴剂", dose="1粒"))
    said = await family.says("阿莫西林一天吃几次来着")
    assert "1粒" not in said and "一天" not in said
    assert family.choices.keys() == {"yes", "no"}
    # What was asked about is not what is taken.
    assert await family.recorded("medicine") == []


async def test_a_prescription_that_is_too_long_is_not_cut_in_half(family: Family) -> None:
    await on_file(family, medicine("环孢素", dose="按血药浓度调整" * 30))
    said = await family.says("今天要吃哪些药")
    assert "请看原来的单子" in said and "按血药浓度调整" not in said


# Results.


async def test_released_results_are_shown_as_reported_and_never_judged(family: Family) -> None:
    await on_file(
        family,
        result("白细胞", "12.30", value=12.3, unit="10^9/L", reference_range="4.0-10.0", flag="H"),
        result("血红蛋白", "150", unit="g/L", flag="N"),
        result("结果", "阴性", report="血培养", released_at=None),
        result("胆红素", "88", report="肝功能", released_at=at(2, 23)),
    )
    said = await family.says("化验结果出来了吗")
    assert "血常规（3月1日（周日）采样）" in said
    assert "白细胞 12.30 10^9/L ↑（参考4.0-10.0）" in said and "血红蛋白 150 g/L\n" in said
    assert "血培养" not in said and "胆红素" not in said
    assert not any(word in said for word in ("偏高", "正常", "感染", "没事", "严重"))
    assert family.choices.keys() == {"yes", "no"}
    await family.says("请医护回答", menu_id="yes")
    assert await asked_of_team(family) == ["想请医生看看血常规（3月1日（周日））的结果"]


async def test_a_named_report_is_looked_for_and_what_is_not_released_is_not_there(family: Family) -> None:
    await on_file(
        family,
        result("白细胞", "9.1", collected_at=at(2, 7), released_at=at(2, 8)),
        result("蛋白", "-", report="尿常规"),
        result("结果", "阴性", report="血培养", released_at=None),
    )
    said = await family.says("尿检结果出了没，尿常规的")
    assert "蛋白 -" in said and "9.1" not in said and "另外还有：血常规" in said
    said = await family.says("血培养结果出来没")
    assert "还没有安安已发布的“血培养”结果" in said and "阴性" not in said


async def test_who_waits_for_another_report_is_not_left_with_the_last_one(family: Family) -> None:
    await on_file(family, result("白细胞", "9.1"))
    assert "您等的要是别的报告" in await family.says("结果怎么还没出")
    assert "还没有安安已发布的“便检”结果" in await family.says("便检结果")


async def test_nothing_released_says_so(family: Family) -> None:
    assert "还没有安安已发布的检查结果" in await family.says("检查结果出来了吗")
    assert "自助机" not in await family.says("报告自助机怎么打")
    assert family.choices == {"results": "看已发布的结果", "human": "找护士"}
    assert "还没有安安" in await family.says("看已发布的结果", menu_id="results")


async def test_a_long_report_fits_one_message_and_keeps_what_the_hospital_marked(family: Family) -> None:
    rows = [result(f"指标{n:02}", "1.00", unit="10^9/L", reference_range="0.50-1.50", flag="N") for n in range(40)]
    await on_file(family, *rows, result("血小板", "40", unit="10^9/L", flag="L"))
    said = await family.says("化验结果出来了吗")
    assert "血小板 40 10^9/L ↓" in said and "列不下" in said
    assert fits_one_message(family)


# Another day.


async def test_the_wish_is_asked_once_and_put_to_the_team_truthfully(family: Family) -> None:
    await on_file(family, visit())
    said = await family.says("想换一天复诊")
    assert "3月9日（周一）09:00，新生儿科" in said and "想改到什么时候" in said
    said = await family.says("下周三上午吧，周一要上班")
    assert "转给值班护士" in said and "时间还没改" in said
    [question] = await asked_of_team(family)
    assert "下周三上午吧，周一要上班" in question and "3月9日（周一）09:00，新生儿科" in question
    [flag] = await family.flags()
    assert (flag.category, flag.level, flag.because) == ("family_question", "same_day", "家属想改或取消复诊")
    # The visit is the hospital's: nothing here has moved it.
    async with family.db.transaction() as tx:
        [row] = await tx.scalars(select(Appointment))
        assert (row.status, row.starts_at) == ("booked", at(9))
    assert "体温" in await family.says("体温36.8")


async def test_a_wish_that_is_said_at_once_is_confirmed_once(family: Family) -> None:
    await on_file(family, visit())
    said = await family.says("复诊能不能改到下周三")
    assert "复诊能不能改到下周三" in said and family.choices == {"yes": "转给护士", "no": "先不改"}
    assert await asked_of_team(family) == []
    await family.says("转给护士", menu_id="yes")
    [question] = await asked_of_team(family)
    assert "复诊能不能改到下周三" in question


async def test_a_family_that_keeps_its_visit_asks_nobody(family: Family) -> None:
    await on_file(family, visit())
    await family.says("想换一天复诊")
    assert "原来的时间" in await family.says("算了不改了", menu_id="no")
    await family.says("想换一天复诊")
    await family.says("体温37.9，有点咳嗽")
    assert await family.recorded("temperature") == [37.9]
    await family.says("好的")
    assert await asked_of_team(family) == []


async def test_another_concern_is_no_wish(family: Family) -> None:
    await on_file(family, visit())
    await family.says("想换一天复诊")
    await family.says("转人工")
    assert family.turn.wants_human
    assert await asked_of_team(family) == []


async def test_a_wish_beside_a_report_loses_neither(family: Family) -> None:
    await on_file(family, visit())
    await family.says("想换一天复诊")
    await family.says("有点咳嗽去不了，改到下周三吧")
    assert len(await family.recorded("cough")) == 1
    assert len(await asked_of_team(family)) == 1


async def test_one_of_two_visits_and_one_that_was_missed(family: Family) -> None:
    await on_file(family, visit(9), visit(12, department="眼科", doctor="周青"))
    assert "新生儿科" not in await family.says("眼科复诊想换一天")
    await family.says("先不改", menu_id="no")
    async with family.db.transaction() as tx:
        for row in await tx.scalars(select(Appointment)):
            row.starts_at -= timedelta(days=14)
    assert "时间已经过了" in await family.says("错过复诊了，重新约")


async def test_without_a_visit_on_file_the_wish_still_reaches_the_team(family: Family) -> None:
    assert "没查到安安约好的复诊" in await family.says("我想改个时间复查")
    await family.says("下周五下午")
    assert "档案里没有约好的复诊" in (await asked_of_team(family))[0]


async def test_the_hour_of_our_own_messages_is_no_visit(family: Family) -> None:
    await on_file(family, visit())
    said = await family.says("提醒能改到晚上八点吗")
    assert "3月9日" not in said and "护士" in said
    await family.says("转给护士", menu_id="yes")
    assert await asked_of_team(family) == ["提醒能改到晚上八点吗"]


async def test_inside_a_follow_up_the_wish_is_heard_and_the_question_asked_again(family: Family) -> None:
    await on_file(family, visit())
    asked = await family.is_asked()
    assert asked in await family.says("想换一天复诊")
    said = await family.says("那就9号下午吧")
    assert "时间还没改" in said
    assert len(await asked_of_team(family)) == 1
    assert await family.recorded("weight") == []


# Whose.


async def test_of_two_children_it_is_asked_which_is_meant_and_the_other_ones_name_brings_the_same(two_children: Family) -> None:
    await on_file(two_children, visit(9))
    await on_file(two_children, visit(10, department="眼科"), child=1)
    assert "哪个孩子" in await two_children.says("什么时候复诊")
    said = await two_children.says("乐乐", menu_id=f"patient_{two_children.children[1]}")
    assert "乐乐的下次复诊" in said and "眼科" in said and "新生儿科" not in said
    said = await two_children.says("安安呢")
    assert "安安的下次复诊" in said and "新生儿科" in said and "眼科" not in said


async def test_what_was_reported_with_the_question_is_not_the_other_childs(two_children: Family) -> None:
    await two_children.says("乐乐体温36.9，他什么时候复诊")
    assert await two_children.recorded("temperature", 1) == [36.9]
    await two_children.says("安安呢")
    assert await two_children.recorded("temperature", 0) == []


async def test_a_child_that_is_named_is_the_one_that_is_meant(two_children: Family) -> None:
    await on_file(two_children, result("白细胞", "9.1"), child=1)
    assert "乐乐已发布的血常规" in await two_children.says("乐乐的化验结果出来了吗")
    assert "哪个孩子" not in two_children.last


async def test_what_waited_is_answered_and_a_report_beside_it_written_down(two_children: Family) -> None:
    await on_file(two_children, visit(10, department="眼科"), child=1)
    await two_children.says("复诊能改到下周三吗")
    said = await two_children.says("乐乐", menu_id=f"patient_{two_children.children[1]}")
    assert "乐乐约的是" in said and "眼科" in said and "复诊能改到下周三吗" in said
    await two_children.says("转给护士", menu_id="yes")
    [flag] = await two_children.flags()
    assert flag.patient_id == two_children.children[1]


async def test_nobody_elses_chart_is_shown(family: Family, new_family) -> None:
    other: Family = await new_family(("豆豆", date(2025, 5, 1), "M"))
    await on_file(other, visit(department="肿瘤科"), medicine("环磷酰胺", dose="1片"), result("白细胞", "0.1"))
    for asked in ("什么时候复诊", "今天要吃哪些药", "化验结果出来了吗", "复诊要带什么", "想换一天复诊"):
        said = await family.says(asked)
        assert not any(word in said for word in ("肿瘤", "环磷酰胺", "0.1", "豆豆")), asked


async def test_a_stranger_is_invited_to_bind(new_family) -> None:
    stranger: Family = await new_family()
    for asked in ("什么时候复诊", "今天要吃哪些药", "化验结果出来了吗", "想换一天复诊"):
        await stranger.says(asked)
        assert "bind" in stranger.choices, asked


async def test_hostile_words_of_a_hospital_are_only_words(family: Family) -> None:
    nasty = "{body}{0}'); drop table patient; --\n<b>" + "长" * 400
    await on_file(
        family,
        visit(department=nasty, place=nasty, doctor=nasty, prepare=nasty),
        medicine(nasty, dose=nasty, note=nasty),
        result(nasty, nasty, unit=nasty, reference_range=nasty, report=nasty),
    )
    for asked in ("什么时候复诊", "复诊要带什么", "今天要吃哪些药", "化验结果出来了吗", "想换一天复诊", "下周三"):
        assert await family.says(asked)
        assert fits_one_message(family), asked


async def test_asking_writes_nothing(family: Family) -> None:
    await on_file(family, visit(), medicine("布洛芬混悬液", dose="1.25ml"), result("白细胞", "9.1"))
    for asked in ("什么时候复诊", "今天要吃哪些药", "化验结果出来了吗", "复诊要带什么"):
        await family.says(asked)
    async with family.db.transaction() as tx:
        assert list(await tx.scalars(select(Observation.id))) == []
    assert await family.flags() == []
