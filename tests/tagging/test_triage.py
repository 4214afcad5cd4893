"""Red flags and critical values."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagging.content import default_content
from tagging.errors import InputError
from tagging.patient import PatientFacts, Reading
from tagging.second import Opinion
from tagging.triage import Triage, reply_text, triage_text, triage_value

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")


def child(
    days: int | None = 900, *tags: str, birth: float | None = None, best: float | None = None, history: tuple[Reading, ...] = ()
) -> PatientFacts:
    return PatientFacts(days, tags=tags, birth_weight_g=birth, personal_best=best, history=history)


def judged(text: str, patient: PatientFacts | None = None, context: str | None = None) -> Triage:
    return triage_text(text, context=context, patient=patient or child(), now=NOW)


@pytest.mark.parametrize(
    ("text", "patient", "level", "category"),
    [
        ("孩子刚才抽了两分钟，现在睡着了", child(), "emergency", "convulsion"),
        ("宝宝手脚一抽一抽的", child(300), "emergency", "convulsion"),
        ("喘得特别厉害，胸口一凹一凹的", child(), "emergency", "breathing"),
        ("嘴唇一直有点发紫", child(), "emergency", "cyanosis"),
        ("怎么叫都叫不醒", child(), "emergency", "unresponsive"),
        ("从中午到现在十个小时没尿了", child(60), "urgent", "dehydration"),
        ("今天拉了一大滩血", child(), "emergency", "bloody_stool"),
        ("大便里有一点血丝，精神好", child(), "same_day", "bloody_stool"),
        ("大便里有一点血丝", child(10), "emergency", "bloody_stool"),
        ("一直吐绿水", child(60), "emergency", "bilious_vomit"),
        ("一直吐绿水", child(2000), "urgent", "bilious_vomit"),
        ("前囟门鼓鼓的", child(200), "emergency", "fontanelle"),
        ("腿上好多紫点，压上去不退，还发烧", child(), "emergency", "purpura"),
        ("刚吃完花生嘴唇肿，喘不上气", child(), "emergency", "anaphylaxis"),
        ("他把爷爷的降压药吃了", child(), "emergency", "poisoning"),
        ("退烧药喂多了一倍，多喂了一次", child(), "urgent", "poisoning"),
        ("吃枣核卡住了，憋得脸发紫", child(), "emergency", "choking"),
        ("从床上掉下来后脑勺着地，吐了两次", child(300), "emergency", "head_injury"),
        ("从床上滚下来，没碰到头", child(300), "urgent", "head_injury"),
        ("开水烫了胳膊，起泡了", child(), "emergency", "trauma_burn"),
        ("吐出来好多血丝", child(), "urgent", "vomit_blood"),
        ("一直哭，肚子一阵一阵疼", child(), "emergency", "acute_abdomen"),
        ("肚子疼得满床打滚", child(), "emergency", "acute_abdomen"),
        ("烧起来了", child(2000, "chemo"), "emergency", "febrile_neutropenia"),
        ("化疗回家第三天发烧了", child(2000), "emergency", "febrile_neutropenia"),
        ("picc管子掉出来一截", child(2000, "picc"), "urgent", "line_problem"),
        ("鼻血一直止不住", child(2000, "itp"), "emergency", "bleed_low_plt"),
        ("膝盖又肿又疼", child(2000, "hemophilia"), "urgent", "hemophilia_bleed"),
        ("手心脚心都黄了", child(8), "urgent", "neonatal_jaundice"),
        ("黄疸还没退，吃奶没劲老睡", child(8), "emergency", "neonatal_jaundice"),
        ("今天一直不肯吃奶", child(20), "emergency", "neonatal_feeding"),
        ("体重一点没长", child(20), "same_day", "neonatal_weight"),
        ("睡着睡着突然呼吸停了十几秒", child(50, "ex_preterm"), "emergency", "apnea_preterm"),
        ("肚脐流脓水还臭", child(10), "same_day", "neonatal_cord_skin"),
        ("强的松停了三天", child(3000, "steroid_long"), "urgent", "steroid_stop"),
        ("强的松停了三天，一直吐没力气", child(3000, "steroid_long"), "emergency", "steroid_stop"),
        ("同桌得了水痘", child(3000, "immunosuppressant"), "urgent", "infection_immunosuppressed"),
        ("高烧不退，身上有出血点", child(3000, "sjia"), "emergency", "mas_signs"),
        ("发烧六天了，眼睛红，嘴唇裂", child(800), "urgent", "kawasaki"),
        ("甲氨蝶呤我们每天吃了一片", child(3000, "mtx"), "emergency", "mtx_error"),
        ("我真的不想活了", child(5000), "emergency", "suicide_selfharm"),
        ("继父喝醉了打我", child(4000), "emergency", "abuse"),
        ("低血糖了，手抖出冷汗", child(3600, "diabetes"), "emergency", "hypoglycaemia"),
        ("血糖20，一直吐", child(3600, "diabetes"), "emergency", "hyperglycaemia_dka"),
        ("血压185/100，头痛得厉害", child(18000), "emergency", "hypertension_crisis"),
        ("血压82/50，手脚冰凉出冷汗", child(18000), "emergency", "low_bp_shock"),
        ("胸口压得慌，出冷汗", child(18000), "emergency", "chest_pain"),
        ("突然嘴歪了，右手抬不起来", child(18000), "emergency", "stroke"),
        ("喷了三次还喘", child(2500, "asthma"), "urgent", "asthma_attack"),
        ("刀口有点红肿", child(2000, "postop"), "same_day", "wound_infection"),
        ("小腿又肿又痛", child(18000, "postop"), "urgent", "dvt_pe"),
        ("化疗后嘴里全是溃疡", child(2000, "chemo"), "urgent", "chemo_vomit_mucositis"),
        ("他说听见声音让他去死", child(5000, "psychology"), "emergency", "psy_crisis_parent"),
    ],
)
def test_a_red_flag_in_words(text: str, patient: PatientFacts, level: str, category: str) -> None:
    result = judged(text, patient)
    assert category in result.categories
    assert result.level == level
    assert result.reply
    assert any(evidence.rule.partition(".")[0] == category for evidence in result.evidence)


@pytest.mark.parametrize(
    "text",
    [
        "没有抽，就是有点烧",
        "没咳嗽，昨晚烧到38度5，妹妹也流鼻涕",
        "去年抽搐过一次，后来一直没再犯",
        "如果发烧抽搐怎么办",
        "发烧多少度要去医院",
        "会不会引起惊厥",
        "怎么预防脱水",
        "用水银体温计量的36.5",
        "精神挺好，能吃能睡",
        "没有便血，也没有呕血",
        "今天去抽血了",
        "谢谢医生，再见",
        "跟误服药物没有关系",
    ],
)
def test_no_alert_where_nothing_is_said_of_this_child_now(text: str) -> None:
    assert judged(text) == Triage("routine")


@pytest.mark.parametrize("inserted", ["有点", "一直", "今天", "好像", "突然"])
@pytest.mark.parametrize(
    ("before", "after"), [("宝宝嘴唇", "发紫"), ("胸口", "一凹一凹的"), ("大便", "带血"), ("囟门", "鼓起来了"), ("孩子", "抽搐")]
)
def test_a_red_flag_survives_inserted_words(before: str, inserted: str, after: str) -> None:
    assert judged(before + inserted + after, child(200)).level in ("emergency", "urgent")


@pytest.mark.parametrize("sign", ["抽搐", "呼吸困难", "嘴唇发紫", "便血", "呕血", "昏迷", "吐绿水", "咳血"])
@pytest.mark.parametrize("denial", ["没有{}", "没有出现过{}", "没{}", "{}倒是没有", "并没有{}"])
def test_a_denied_sign_raises_nothing(sign: str, denial: str) -> None:
    assert judged(denial.format(sign)).level == "routine"


@pytest.mark.parametrize(
    ("value", "unit", "patient", "level", "category"),
    [
        (38.0, "℃", child(89), "emergency", "fever_infant_lt3m"),
        (38.0, "℃", child(90), "emergency", "fever_infant_lt3m"),
        (38.0, "℃", child(91), "same_day", "fever_3_6m_ge39"),
        (37.9, "℃", child(90), "same_day", "fever_infant_lt3m"),
        (35.4, "℃", child(30), "emergency", "fever_infant_lt3m"),
        (35.5, "℃", child(30), "urgent", "fever_infant_lt3m"),
        (39.0, "℃", child(182), "urgent", "fever_3_6m_ge39"),
        (39.0, "℃", child(183), "same_day", "fever_high"),
        (104.0, "℉", child(900), "urgent", "fever_high"),
        (41.0, "℃", child(900), "emergency", "fever_high"),
        (38.1, "℃", child(900, "chemo"), "urgent", "febrile_neutropenia"),
        (38.3, "℃", child(900, "chemo"), "emergency", "febrile_neutropenia"),
        (38.0, "℃", child(900, "sle"), "urgent", "infection_immunosuppressed"),
    ],
)
def test_temperature_bands(value: float, unit: str, patient: PatientFacts, level: str, category: str) -> None:
    result = triage_value("temperature", value, unit, patient=patient, now=NOW)
    assert (result.level, result.categories[0]) == (level, category)


def test_chemo_fever_that_lasts_an_hour_is_an_emergency() -> None:
    earlier = Reading("temperature", 38.1, "Cel", NOW - timedelta(minutes=70))
    patient = child(900, "chemo", history=(earlier,))
    assert triage_value("temperature", 38.0, "℃", patient=patient, now=NOW).level == "emergency"


@pytest.mark.parametrize(
    ("vital", "value", "unit", "patient", "level"),
    [
        ("spo2", 89, "%", child(), "emergency"),
        ("spo2", 91, "%", child(), "urgent"),
        ("spo2", 91, "%", child(2000, "asthma"), "emergency"),
        ("respiratory_rate", 60, "/min", child(40), "emergency"),
        ("respiratory_rate", 60, "/min", child(100), "urgent"),
        ("systolic_bp", 79, "mmHg", child(5 * 366), "urgent"),
        ("systolic_bp", 80, "mmHg", child(5 * 366), "routine"),
        ("systolic_bp", 24, "kPa", child(18000), "urgent"),
        ("glucose", 2.9, "mmol/L", child(3600, "diabetes"), "emergency"),
        ("glucose", 12.0, "mmol/L", child(3600, "diabetes"), "routine"),
        ("glucose", 12.0, "mmol/L", child(3600), "urgent"),
        ("peak_flow", 149, "L/min", child(3000, "asthma", best=300), "emergency"),
        ("peak_flow", 240, "L/min", child(3000, "asthma", best=300), "routine"),
        ("weight", 2.69, "kg", child(5, birth=3000), "urgent"),
        ("weight", 2.7, "kg", child(5, birth=3000), "same_day"),
        ("weight", 2.8, "kg", child(5, birth=3000), "routine"),
        ("weight", 5.9, "斤", child(14, birth=3000), "same_day"),
        ("weight", 2950, "g", child(13, birth=3000), "routine"),
    ],
)
def test_other_bands(vital: str, value: float, unit: str, patient: PatientFacts, level: str) -> None:
    assert triage_value(vital, value, unit, patient=patient, now=NOW).level == level


def test_slow_gain_after_two_weeks_is_seen_today_and_a_jump_is_weighed_again() -> None:
    history = (Reading("weight", 3.2, "kg", NOW - timedelta(days=4)),)
    slow = triage_value("weight", 3.25, "kg", patient=child(30, birth=3000, history=history), now=NOW)
    jump = triage_value("weight", 6.4, "kg", patient=child(30, birth=3000, history=history), now=NOW)
    assert slow.level == jump.level == "same_day"
    assert "再称一次" in (jump.reply or "")
    assert "mean gain" in slow.evidence[0].because


def test_an_implausible_value_is_asked_again_and_an_unknown_unit_refused() -> None:
    assert triage_value("temperature", 50, "℃", patient=child(), now=NOW).categories == ("input_rejected",)
    with pytest.raises(InputError, match="斤"):
        triage_value("temperature", 38, "斤", patient=child(), now=NOW)
    with pytest.raises(InputError, match="mood"):
        triage_value("mood", 3, None, patient=child(), now=NOW)


@pytest.mark.parametrize("text", ["新生儿发烧了", "月子里的宝宝摸着发烫", "刚满月的孩子发烧", "宝宝才40天，发烧了", "两个月宝宝38度2"])
def test_an_age_told_in_words_counts_when_the_record_has_none(text: str) -> None:
    result = judged(text, child(None))
    assert (result.level, result.categories[0]) == ("emergency", "fever_infant_lt3m")


def test_who_cannot_be_woken_is_told_so_before_the_fever() -> None:
    triage = judged("孩子烧到39度5，叫不醒了怎么办", child(12))
    assert triage.categories[:2] == ("unresponsive", "fever_infant_lt3m") and "叫不醒" in (triage.reply or "")
    assert "如出现" not in (triage.reply or "")


def test_a_bare_number_is_judged_against_the_question() -> None:
    assert judged("38.9，刚才抽搐了", child(60), context="今天体温多少？").categories == ("convulsion", "fever_infant_lt3m")


def test_the_highest_level_wins_and_every_category_is_listed() -> None:
    result = judged("烧到40度，还抽搐了", child())
    assert result.level == "emergency"
    assert result.categories == ("convulsion", "fever_high")


def test_a_doubtful_emergency_is_treated_as_urgent() -> None:
    assert judged("是不是抽搐了啊").level == "urgent"


def test_the_reply_claims_an_alert_only_when_there_is_one() -> None:
    result = judged("孩子抽搐了")
    told = reply_text(result, notified=True, phone=None)
    alone = reply_text(result, notified=False, phone="0571-1234")
    assert told == result.reply
    assert told is not None and "已通知值班医护" in told
    assert alone is not None and "通知" not in alone and "0571-1234或120" in alone


def test_a_same_day_reply_carries_the_safety_net() -> None:
    content = default_content()
    assert (judged("高烧39度5").reply or "").endswith(content.redflags.safety_net)


# The machine may be busy with other things.
@settings(deadline=None)
@given(st.text(max_size=80), st.one_of(st.none(), st.text(max_size=20)), st.one_of(st.none(), st.integers(0, 30000)))
def test_triage_never_fails_on_any_text(text: str, context: str | None, age: int | None) -> None:
    assert judged(text, child(age), context).level in ("emergency", "urgent", "same_day", "routine")


@given(st.floats(30, 43), st.integers(0, 7000))
def test_a_hotter_infant_is_never_judged_milder(value: float, age: int) -> None:
    order = ["routine", "same_day", "urgent", "emergency"]
    milder = triage_value("temperature", max(37.5, value - 0.5), "℃", patient=child(age), now=NOW).level
    hotter = triage_value("temperature", max(37.5, value), "℃", patient=child(age), now=NOW).level
    assert order.index(hotter) >= order.index(milder)


@pytest.mark.parametrize("text", ["邻居家孩子昨天抽搐了", "妹妹抽搐了怎么办", "他爷爷叫不醒了"])
def test_an_emergency_of_somebody_else_asks_who_is_meant(text: str) -> None:
    result = judged(text)
    assert (result.level, result.categories, result.variant) == ("routine", (), "who_is_meant")
    assert "120" in (result.reply or "") and "of somebody else" in result.evidence[0].because


def test_an_unclear_emergency_asks_one_question_and_is_urgent_meanwhile() -> None:
    result = judged("是不是抽搐了啊")
    assert (result.level, result.variant) == ("urgent", "unclear")
    assert (result.reply or "").count("？") == 1 and "120" in (result.reply or "")
    alone = reply_text(result, notified=False, phone="0571-1234") or ""
    assert "0571-1234" in alone and "已通知" not in alone


def test_two_fevers_within_a_day_of_a_child_in_chemotherapy_are_an_emergency() -> None:
    history = tuple(Reading("temperature", value, "Cel", NOW - timedelta(hours=hours)) for value, hours in ((38.1, 9), (37.2, 4)))
    assert triage_value("temperature", 38.0, "℃", patient=child(900, "chemo", history=history), now=NOW).level == "emergency"
    long_ago = (Reading("temperature", 38.1, "Cel", NOW - timedelta(hours=30)),)
    assert triage_value("temperature", 38.0, "℃", patient=child(900, "chemo", history=long_ago), now=NOW).level == "urgent"


def test_what_the_record_remembers_joins_what_the_message_says() -> None:
    low = (Reading("platelets", 15, "10*9/L", NOW - timedelta(days=2)),)
    assert judged("今天又流鼻血了", child(2000, history=low)).level == "emergency"
    assert judged("今天又流鼻血了", child(2000)).level == "same_day"
    warm = (Reading("temperature", 38.6, "Cel", NOW - timedelta(hours=5)),)
    assert judged("身上冒出好多出血点", child(2000, history=warm)).level == "emergency"
    assert judged("今天挺好的", child(2000, history=(*low, *warm))) == Triage("routine")
    neutropenic = (Reading("neutrophils", 0.3, "10*9/L", NOW - timedelta(days=1)),)
    assert judged("刚量38.1度", child(2000, history=neutropenic)).level == "emergency"


def test_a_fever_that_the_record_has_known_for_five_days_is_seen_today() -> None:
    days = tuple(Reading("temperature", 38.4, "Cel", NOW - timedelta(days=day)) for day in range(1, 6))
    result = triage_value("temperature", 38.3, "℃", patient=child(900, history=days), now=NOW)
    assert (result.level, result.evidence[0].rule) == ("same_day", "fever_high.five_days")
    assert triage_value("temperature", 38.3, "℃", patient=child(900, history=days[:3]), now=NOW).level == "routine"


class Worried:
    """A second reader with one opinion for everything."""

    def __init__(self, opinion: Opinion | None):
        self.opinion = opinion

    def read(self, text: str, **found: object) -> Opinion | None:
        return self.opinion


def judged_twice(text: str, opinion: Opinion | None) -> Triage:
    content = replace(default_content(), second=Worried(opinion))
    return triage_text(text, context=None, patient=child(), now=NOW, content=content)


def test_a_second_reader_raises_but_never_lowers() -> None:
    mild, grave = Opinion("routine", "model", 1, "0.02"), Opinion("urgent", "model", 1, "0.97")
    for opinion in (None, mild):
        assert judged_twice("孩子抽搐了", opinion) == judged("孩子抽搐了")
        assert judged_twice("他今天怪怪的", opinion).level == "routine"
    higher = judged_twice("他今天怪怪的", grave)
    assert higher.level == "urgent"
    assert higher.evidence[-1].rule == "model" and "120" in (higher.reply or "")
    assert "已通知" not in (reply_text(higher, notified=False, phone=None) or "")
    assert judged_twice("他今天怪怪的", replace(grave, category="unresponsive")).categories == ("unresponsive",)


def test_a_second_reader_who_fears_for_a_life_is_answered_with_a_helpline() -> None:
    worried = judged_twice("他今天怪怪的", Opinion("emergency", "model", 1, "0.97", mind=True))
    assert "12356" in (worried.reply or "") and "呼吸" not in (worried.reply or "")
    assert reply_text(worried, notified=True, phone=None) == worried.reply


@pytest.mark.parametrize(
    "text", ["高血压吃什么药好", "骨折恢复期有什么大忌", "抽搐可能是什么引起的", "小儿疝气手术多少钱", "食物中毒吃什么药"]
)
def test_a_question_of_knowledge_raises_nothing(text: str) -> None:
    assert judged(text, child(None)).level in ("routine", "same_day")


@pytest.mark.parametrize("text", ["宝宝抽搐是什么引起的", "孩子疝气卡住了去哪个医院", "刚才骨折了吃什么好"])
def test_a_question_about_a_child_is_heard(text: str) -> None:
    assert judged(text, child(None)).level in ("emergency", "urgent")


@pytest.mark.parametrize(
    ("text", "level"), [("他抽搐了，我拿不准要不要叫救护车", "emergency"), ("手抖了几下是不是抽搐，我没看清", "urgent")]
)
def test_doubt_about_what_to_do_is_no_doubt_about_the_sign(text: str, level: str) -> None:
    assert judged(text).level == level


def test_the_best_peak_flow_told_in_the_message_counts_where_the_record_has_none() -> None:
    low = triage_text("峰流速140，平时最好330", context=None, patient=child(3000, "asthma"), now=NOW)
    well = triage_text("峰流速320，个人最佳330", context=None, patient=child(3000, "asthma"), now=NOW)
    assert (low.level, well.level) == ("emergency", "routine")


def test_two_readings_of_one_message_an_hour_apart_are_a_lasting_fever() -> None:
    patient = child(900, "chemo")
    assert triage_text("38.1，一小时前量的是38.2", context=None, patient=patient, now=NOW).level == "emergency"
    assert triage_text("38.1，一小时前量的是37.6", context=None, patient=patient, now=NOW).level == "urgent"


def test_a_share_of_the_best_peak_flow_is_judged_without_the_best() -> None:
    patient = PatientFacts(3600, tags=("asthma",))
    assert triage_value("peak_flow", 45, "%", patient=patient, now=NOW).level == "emergency"
    assert triage_value("peak_flow", 65, "%", patient=patient, now=NOW).level == "urgent"
    assert triage_value("peak_flow", 90, "%", patient=patient, now=NOW).level == "routine"


@pytest.mark.parametrize("time", ["从前天晚上开始", "从上个月底开始", "上周五开始", "昨天在医院的时候", "打从昨天起", "一个星期前开始"])
@pytest.mark.parametrize("sign", ["烧到40度5", "喘不上气", "嘴唇发紫"])
def test_what_began_at_some_time_is_not_long_ago(time: str, sign: str) -> None:
    assert judged(f"宝宝一岁，{time}{sign}", child(400)).level in ("emergency", "urgent")


def test_signs_of_an_attack_belong_together_only_where_they_stand_together() -> None:
    story = "，".join(["上个月吃虾全身起疙瘩", *["别的都好，吃饭睡觉都正常"] * 6, "这两天咳嗽有点喘"])
    assert judged("吃虾全身起疙瘩，还有点喘", child(900)).level == "emergency"
    assert judged(story, child(900)).level == "same_day"


@pytest.mark.parametrize(
    ("context", "text", "category"),
    [
        ("大便颜色正常吗", "有血，好多的", "bloody_stool"),
        ("吐的什么颜色", "黄绿色的", "bilious_vomit"),
        ("多久没尿了", "得有十三个小时了", "dehydration"),
        ("口周发青吗", "发青，吃奶的时候", "cyanosis"),
    ],
)
def test_a_short_answer_means_what_was_asked(context: str, text: str, category: str) -> None:
    assert category in judged(text, child(300), context=context).categories


@pytest.mark.parametrize(
    "text", ["血糖从12.2下来到8了", "目标血压130/80，今天136/82", "嘴唇不紫，手脚也暖和", "手脚都能动，说话也清楚，就是昨晚没睡好"]
)
def test_the_second_reader_is_not_heard_on_values_and_on_what_is_well(text: str) -> None:
    patient = PatientFacts(22000, tags=("diabetes",))
    assert triage_text(text, context=None, patient=patient, now=NOW).level == "routine"


def test_a_numb_hand_asks_one_question_of_somebody_grown() -> None:
    numb = triage_text("手有点麻", context=None, patient=PatientFacts(22000), now=NOW)
    assert (numb.level, numb.categories[0]) == ("urgent", "stroke")
    assert numb.reply and "笑一下" in numb.reply
    assert triage_text("坐久了手麻，甩甩就好了", context=None, patient=PatientFacts(22000), now=NOW).level == "routine"
    assert triage_text("突然半边手麻", context=None, patient=PatientFacts(22000), now=NOW).level == "emergency"
