"""The library finds the article that answers, and finds nothing when none does."""

import subprocess
import sys
from pathlib import Path

import pytest

from plans.article import FOLDER, Article, load_articles
from plans.content.library import EQUAL, Library
from plans.content.reference import reference_of
from plans.content.words import say
from plans.template import TemplateError

IN_SCOPE = {
    "我家娃的体重怎么一直不涨": "newborn-weight",
    "出生七天还没回到出生体重": "newborn-weight",
    "月子里宝宝一天要喂几顿奶": "newborn-feeding",
    "要不要半夜叫醒吃奶": "newborn-feeding",
    "呛奶了应该怎么拍": "spit-up-choking",
    "溢奶是不是病": "spit-up-choking",
    "皮肤还是黄的要照蓝光吗": "jaundice",
    "脐带几天掉": "cord-care",
    "三天没拉大便了要紧吗": "constipation",
    "便便是墨绿色的": "stool-colour",
    "尿布上有红色的东西": "urine",
    "洗澡水温度多少合适": "bath-warmth",
    "小宝宝趴着睡行不行": "safe-sleep",
    "发热要不要捂汗": "temperature-fever",
    "维生素D漏吃了一天": "vitamin-d",
    "打完疫苗胳膊肿了个硬块": "after-vaccine",
    "什么症状要打120": "when-to-emergency",
    "奶癣能不能涂药膏": "eczema-diaper-rash",
    "鼻子堵了吃不了奶": "cough-stuffy-nose",
    "腹泻能喝补液盐吗": "diarrhoea",
    "晚上一直哭闹怎么哄": "crying",
    "袋鼠抱怎么抱": "preterm-home",
    "糖尿病能吃西瓜吗": "diabetes-diet",
    "孩子打游戏上瘾": "screen-time",
    "孩子吐了咋办": "vomiting",
}
OFF_TOPIC = [
    "今天天气怎么样",
    "帮我写一首诗",
    "你是机器人吗",
    "外卖什么时候到",
    "怎么办理医保报销",
    "停车场在哪里",
    "WiFi密码是多少",
    "怎么开出生证明",
    "出院小结去哪里打印",
    "几点可以探视",
    "护士几点上班",
    "给宝宝起个名字",
    "婴儿车买什么牌子",
    "几个月可以坐飞机",
    "爷爷血压高",
    "化疗后掉头发怎么办",
    "关节炎打生物制剂",
    "小狗咬沙发",
    "退热药喂几毫克",
]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


@pytest.mark.parametrize("question", IN_SCOPE)
def test_a_question_finds_its_article(library: Library, question: str) -> None:
    hits = library.search(question)
    assert hits and hits[0].article.id == IN_SCOPE[question]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("question", [*OFF_TOPIC, "", "？？？", "的了吗"])
def test_a_question_that_is_not_covered_finds_nothing(library: Library, question: str) -> None:
    assert library.search(question) == []


def test_every_article_finds_itself(library: Library) -> None:
    for article in library.articles.values():
        for question in (article.title, *article.questions):
            [first, *_] = hits = library.search(question, 2)
            assert article.id in [hit.article.id for hit in hits] and first.own == EQUAL, question
            assert question in {first.article.title, *first.article.questions}, question


def test_an_article_s_own_question_comes_before_all_that_only_name_its_subject(library: Library) -> None:
    """Whatever its keywords are, and though it be about what is left to a person."""

    def own(article: str, title: str, *questions: str) -> Article:
        shipped = library.articles["vitamin-d"]
        return shipped.model_copy(update={"id": article, "title": title, "questions": questions, "keywords": ("别的",), "also": ()})

    hiccup = own("hiccup", "宝宝打嗝怎么办", "孩子打嗝要紧吗", "打嗝停不下来怎么办")
    desk = own("desk", "怎么预约挂号", "在哪里挂号", "挂号要带什么")
    larger = Library.of([*library.articles.values(), hiccup, desk], {}, None, {})
    for question in ("宝宝打嗝怎么办", "打嗝怎么办？", "请问娃打嗝了咋办呀", "打嗝停不下来怎么处理"):
        assert larger.search(question)[0].article.id == "hiccup", question
    assert [hit.article.id for hit in larger.search("请问怎么预约挂号？")] == ["desk"]
    assert larger.search("挂号费能报销吗") == []


def test_articles_are_complete_and_careful() -> None:
    articles = load_articles(FOLDER)
    assert len(articles) >= 60
    for article in articles:
        assert article.needs_clinician_review and article.reviewed_by == "待本院审核"
        assert article.review_due > article.reviewed_at
        # Each ends with when to seek care, and gives neither doses nor a diagnosis.
        last = article.body.split("\n")[-4:]
        assert any("120" in line or "急诊" in line or "就医" in line for line in last), article.id
        for banned in ("毫克", "mg", "确诊", "肯定是", "不用去医院", "掐人中", "催吐"):
            assert banned not in article.body, (article.id, banned)


def test_a_broken_article_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("id: x\ntitle: 一\n", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"broken\.yml: .*body"):
        load_articles(tmp_path)


def test_importing_the_plans_loads_neither_the_word_cutter_nor_the_dialogue_engine() -> None:
    heavy = "{'jieba', 'rasa', 'tensorflow'}"
    code = f"import sys, plans.content.library, plans.follow_up, plans.dry_run; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_every_source_id_of_an_article_is_known_and_families_read_names() -> None:
    import re

    from tagging.sources import sources

    for article in Library.load().articles.values():
        for cited in re.findall(r"\bS\d+\b", article.source):
            assert cited in sources(), f"{article.id}: {cited}"
        assert "§" not in article.reference
        assert re.search(r"\bS\d+\b", article.reference) is None


def test_a_hospital_s_own_source_is_told_and_our_trail_is_not() -> None:
    assert reference_of("本院护理部 2026 版") == "本院护理部 2026 版"
    for trail in ("本院护理部（R）", "§6.1 hip；R", "用法 R"):
        assert reference_of(trail) == say("family.general")


@pytest.mark.parametrize("question", ["玩具要怎么消毒", "现在要吃抗生素吗", "奶瓶多久煮一次", "指甲怎么剪", "夜里要开灯吗"])
def test_a_shared_word_is_no_answer(library: Library, question: str) -> None:
    assert library.search(question) == []


def test_an_article_about_the_very_medicine_is_known(library: Library) -> None:
    assert library.articles["vitamin-d"].is_about(["维d"])
    assert not library.articles["diarrhoea"].is_about(["抗生素", "腹泻贴"])
    assert not library.articles["temperature-fever"].is_about(["退烧药"])
