"""Status, person and time of what a family writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.content import default_content
from tagging.medicine import find_medicines, names_only
from tagging.symptom import find_mentions, find_symptoms


def status_of(text: str, concept: str, context: str | None = None) -> str | None:
    return next((m.status for m in find_symptoms(text, context=context) if m.concept == concept), None)


@pytest.mark.parametrize(
    ("text", "concept", "status"),
    [
        ("有点咳嗽", "cough", "present"),
        ("没有咳嗽", "cough", "absent"),
        ("不怎么咳嗽了", "cough", "present"),
        ("没有发烧、咳嗽和呕吐", "vomiting", "absent"),
        ("发烧、咳嗽、呕吐都没有", "fever", "absent"),
        ("没有发烧咳嗽", "cough", "absent"),
        ("没有发烧，就是咳嗽得厉害", "cough", "present"),
        ("没咳嗽但是拉肚子", "diarrhea", "present"),
        ("大便里没有血", "stool_blood", "absent"),
        ("囟门不鼓", "fontanelle_bulge", "absent"),
        ("咳嗽倒是没有", "cough", "absent"),
        ("抽搐(-)", "convulsion", "absent"),
        ("咳嗽吗？", "cough", "asked"),
        ("肚子疼不疼也说不清", "belly_pain", "asked"),
        ("是不是抽搐了", "convulsion", "possible"),
        ("是不是脱水了", "dehydration", "asked"),
        ("孩子一直没尿", "no_urine", "present"),
        ("蔫蔫的没精神", "lethargy", "present"),
        ("没有精神状态很好", "lethargy", None),
        ("喊他没反应", "unresponsive", "present"),
        ("手脚不停地抽", "convulsion", "present"),
    ],
)
def test_status(text: str, concept: str, status: str | None) -> None:
    assert status_of(text, concept) == status


@pytest.mark.parametrize(
    ("text", "concept", "whose"),
    [
        ("妹妹也流鼻涕", "runny_nose", "other"),
        ("邻居家孩子得了水痘", "chickenpox", "other"),
        ("我自己也发烧了", "fever", "parent"),
        ("奶奶说他抽搐了", "convulsion", "patient"),
        ("被哥哥推了一下摔到头", "head_injury", "patient"),
        ("妹妹没事，宝宝发烧了", "fever", "patient"),
    ],
)
def test_whose(text: str, concept: str, whose: str) -> None:
    assert next(m.whose for m in find_symptoms(text, context=None) if m.concept == concept) == whose


@pytest.mark.parametrize(
    ("text", "concept", "when"),
    [
        ("去年抽搐过一次", "convulsion", "past"),
        ("小时候抽过风，一岁时抽风", "convulsion", "past"),
        ("昨天吐了五次，今天已经好了", "vomiting_repeated", "past"),
        ("刚才抽搐了，现在睡着了", "convulsion", "now"),
        ("今天早上抽搐过", "convulsion", "now"),
        ("去年抽过，刚才又抽搐了", "convulsion", "past"),
        ("如果抽搐了怎么办", "convulsion", "hypothetical"),
        ("会不会抽搐呀", "convulsion", "hypothetical"),
        ("怎么预防脱水", "dehydration", "hypothetical"),
        ("有热性惊厥史", "convulsion", "past"),
    ],
)
def test_when(text: str, concept: str, when: str) -> None:
    assert next(m.when for m in find_symptoms(text, context=None) if m.concept == concept) == when


@pytest.mark.parametrize(
    "text",
    [
        "今天去医院抽血了",
        "用水银体温计量的",
        "喝完退烧药了",
        "头发烧焦了",
        "刚接种了卡介苗",
        "米糊吃得不错",
        "断断续续咳",
        "精神状态挺好",
        "白眼球有点红",
        "我把胳膊抽掉，他就醒了",
    ],
)
def test_words_that_only_look_alike(text: str) -> None:
    serious = {"convulsion", "mercury", "ingestion", "fever", "choking", "drowsy", "fracture", "lethargy", "burn"}
    assert not serious & {m.concept for m in find_symptoms(text, context=None)}


@pytest.mark.parametrize(
    ("context", "text", "expected"),
    [
        ("有没有抽搐？", "有", ("convulsion", "present")),
        ("有没有抽搐？", "没有", ("convulsion", "absent")),
        ("有没有抽搐或者嘴唇发紫？", "有的", ("convulsion", "possible")),
        ("宝宝精神怎么样？", "很差", ("lethargy_severe", "present")),
        ("今天尿了几次？", "一次都没有", ("no_urine", "present")),
    ],
)
def test_a_short_answer_takes_up_the_question(context: str, text: str, expected: tuple[str, str]) -> None:
    assert expected in [(m.concept, m.status) for m in find_symptoms(text, context=context)]


def test_the_temperature_belongs_to_the_mention_of_fever() -> None:
    fever = next(m for m in find_symptoms("没咳嗽，昨晚烧到38度5", context=None) if m.concept == "fever")
    assert fever.text == "烧到38度5"


def test_there_are_enough_concepts_and_each_is_found_by_its_name_or_words() -> None:
    concepts = default_content().symptoms.concepts
    assert len(concepts) >= 120


@given(st.text(alphabet="没有不发烧抽搐咳嗽，。？宝妹妹昨天如果好了吐血尿一点", max_size=40))
def test_offsets_name_the_text(text: str) -> None:
    for mention in find_symptoms(text, context=text):
        assert text[mention.start : mention.end] == mention.text


def test_a_yes_answers_the_question_not_the_article_before_it() -> None:
    article = "请立即去急诊：抽搐、吐绿色的东西、全身起疹子。\n要不要我请护士来回答？"
    assert find_symptoms("是的", context=article) == []
    assert [m.concept for m in find_symptoms("有", context="先量体温。有没有抽搐？")] == ["convulsion"]


@pytest.mark.parametrize(("text", "status"), [("现在不烧", "absent"), ("没烧", "absent"), ("又烧了", "present")])
def test_fever_that_is_denied(text: str, status: str) -> None:
    assert [(m.concept, m.status) for m in find_symptoms(text, context=None)] == [("fever", status)]


def test_one_stool_a_day_is_no_diarrhoea() -> None:
    assert find_mentions("一天拉一次", context=None) == []
    assert "diarrhea" in [m.concept for m in find_symptoms("一天拉六次", context=None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("咳嗽有痰，流鼻涕", ["咳嗽", "痰", "流鼻涕"]),
        ("嗓子还有点哑", ["嗓子还有点哑"]),
        ("喘得厉害", ["喘"]),
        ("吃了感冒灵", []),
        ("扁桃体发炎了", ["扁桃体发炎"]),
        ("体温38.5，精神很好", ["体温38.5"]),
        ("体温36.5", []),
        ("我把胳膊抽掉，他就吭吭", []),
        ("换季缺水干的", []),
        ("背上冒了红色的疹子", ["红色的疹子"]),
        ("四天没吃东西了", ["四天没吃东西"]),
        ("说是听着有罗音", ["罗音"]),
        ("打个喷嚏", ["喷嚏"]),
        ("没喊疼痛，夜里咳咳", ["疼痛", "咳咳"]),
        ("偶尔咳嗽咳嗽不厉害", ["咳嗽", "咳嗽"]),
        ("呼吸咕噜咕噜", ["呼吸咕噜咕噜"]),
        ("鼻子堵了", ["鼻子堵"]),
        ("前天测黄疸12", []),
        ("怕打针疼", []),
        ("药喂不进去", []),
        ("老吃这个对身体不好吧", []),
        ("拿盐水泡着擦", []),
        ("打完针第二天39度多了", ["39度多"]),
        ("昨晚烧到三十八九", ["烧到三十八九"]),
        ("刚量是38多", ["38多"]),
        ("拿40度左右的水擦身", []),
    ],
)
def test_a_mention_is_told_once_in_the_words_that_name_it(text: str, words: list[str]) -> None:
    medicines = names_only(find_medicines(text))
    kinds = default_content().symptoms.concepts
    found = [m for m in find_mentions(text, context=None, medicines=medicines) if kinds[m.concept].kind != "normal"]
    assert [mention.text for mention in found] == words


def test_what_is_well_is_a_finding_of_its_own() -> None:
    assert [(m.concept, m.text, m.status) for m in find_mentions("精神很好", context=None)] == [("well", "精神很好", "present")]


@pytest.mark.parametrize(
    ("text", "concept", "field", "value"),
    [
        ("有点咳嗽", "cough", "severity", "mild"),
        ("不怎么咳", "cough", "severity", "mild"),
        ("咳嗽得厉害", "cough", "severity", "severe"),
        ("咳嗽好多了", "cough", "trend", "better"),
        ("咳嗽加重了", "cough", "trend", "worse"),
        ("咳嗽没见好转", "cough", "trend", "same"),
        ("又咳嗽了", "cough", "recurrent", True),
        ("咳嗽三天了", "cough", "hours", 72.0),
        ("腿上起了好多疹子", "rash", "site", "leg"),
        ("嗓子疼", "sore_throat", "site", "throat"),
    ],
)
def test_how_strong_where_and_which_way(text: str, concept: str, field: str, value: object) -> None:
    assert next(getattr(m, field) for m in find_mentions(text, context=None) if m.concept == concept) == value


def test_there_are_at_least_350_concepts_that_name_a_symptom() -> None:
    kinds = [concept.kind for concept in default_content().symptoms.concepts.values()]
    assert sum(kind in ("sign", "diagnosis") for kind in kinds) >= 350


def test_more_signs_than_anybody_writes_are_not_lost() -> None:
    found = find_symptoms("没有发烧，" * 400 + "抽搐了", context=None)
    assert [m.status for m in found if m.concept == "convulsion"] == ["present"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("那不会是肺炎吧", "asked"),
        ("前几天都没有发烧？", "asked"),
        ("大便里没有血吗", "asked"),
        ("嘴里看不到疱疹", "absent"),
        ("没有发烧，要紧吗？", "absent"),
        ("听不到喘了", "absent"),
    ],
)
def test_a_denial_that_is_put_as_a_question_is_a_question(text: str, status: str) -> None:
    assert [mention.status for mention in find_symptoms(text, context=None)][:1] == [status]


@pytest.mark.parametrize("text", ["特别爱睡", "今天特别蔫"])
def test_what_only_ends_like_a_denial_denies_nothing(text: str) -> None:
    assert {mention.status for mention in find_symptoms(text, context=None)} == {"present"}
