"""Clarifying questions as data: what is refused, what opens a theme, and that every answer is read and judged as it should be."""

from datetime import datetime
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plans.clarify import ClarifyingQuestion, Theme, danger_signs, themes, themes_of
from plans.clarify_read import leaves, read_fact
from plans.template import TemplateError
from tagging.patient import PatientFacts
from tagging.tables import severity
from tagging.understanding import Understanding, understand

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
AGES = (10, 400, 2000)
QUESTIONS = [(theme, question) for theme in themes().values() for question in theme.questions]
CHOICES = [(theme, question, choice) for theme, question in QUESTIONS for choice in question.choices]


def read(text: str, *, context: str | None = None, age: int = 400) -> Understanding:
    return understand(text, context=context, patient=PatientFacts(age_days=age), now=NOW)


def asked(theme: str, question: str) -> tuple[Theme, ClarifyingQuestion]:
    found = themes()[theme].question(question)
    assert found is not None
    return themes()[theme], found


def fact(theme: str, question: str, text: str, *, open: bool = True):
    of, about = asked(theme, question)
    return read_fact(of, about, read(text, context=about.ask if open else None), text, now=NOW, open=open)


@pytest.mark.parametrize(
    ("text", "theme"),
    [
        ("宝宝发烧了", "fever"), ("体温38.2", "fever"), ("有点烧，37.2", None), ("体温36.8", None), ("没有发烧", None),
        ("有点咳嗽", "cough"), ("吐了两次", "vomiting"), ("又吐又烧到38", "vomiting"), ("拉肚子", "diarrhea"), ("身上起了疹子", "rash"),
        ("肚子疼", "pain"), ("不肯吃奶", "feeding"), ("一直哭", "crying"), ("今天忘了吃药", "medicine"), ("药吃了就吐了", "medicine"),
        ("从床上摔下来了", "head"), ("伤口有点疼", "wound"), ("脸有点黄", "jaundice"), ("没精神", "general"), ("流鼻涕", None),
        ("昨天咳嗽，已经好了", None), ("体重3.4公斤", None), ("今天很好", None),
    ],
)  # fmt: skip
def test_a_report_opens_its_theme(text: str, theme: str | None) -> None:
    opened = next(iter(themes_of(read(text), text)), None)
    assert (opened.id if opened else None) == theme


@pytest.mark.parametrize(("theme", "question", "choice"), CHOICES, ids=lambda each: getattr(each, "id", each))
def test_every_choice_is_read_from_its_label(theme: Theme, question: ClarifyingQuestion, choice) -> None:
    found = read_fact(theme, question, read(choice.label, context=question.ask), choice.label, now=NOW, open=True)
    assert found is not None
    assert found.choice == choice.id


@pytest.mark.parametrize(("question", "choice"), [(q, c) for _, q, c in CHOICES if c.danger], ids=lambda each: getattr(each, "id", each))
def test_a_danger_is_one_to_triage(question: ClarifyingQuestion, choice) -> None:
    ages = [age for age in AGES if question.is_for(age)]
    levels = {read(choice.means or choice.label, context=question.ask, age=age).triage.level for age in ages}
    assert min(map(severity, levels)) >= severity("urgent"), levels


@pytest.mark.parametrize(
    ("question", "choice"), [(q, c) for _, q, c in CHOICES if not c.danger], ids=lambda each: getattr(each, "id", each)
)
def test_other_choices_call_nobody_at_once(question: ClarifyingQuestion, choice) -> None:
    for text in filter(None, (choice.label, choice.means)):
        assert severity(read(text, context=question.ask).triage.level) < severity("urgent")


@pytest.mark.parametrize(("theme", "question"), QUESTIONS, ids=lambda each: each.id)
def test_a_bare_no_denies_only_what_was_asked(theme: Theme, question: ClarifyingQuestion) -> None:
    for text, age in product(("没有", "都没有"), AGES):
        understood = read(text, context=question.ask, age=age)
        assert {mention.concept for mention in understood.symptoms} <= set(question.signs)
        assert understood.triage.level == "routine"


@pytest.mark.parametrize(("theme", "question"), [(t, q) for t, q in QUESTIONS if q.danger], ids=lambda each: each.id)
def test_a_question_about_danger_says_when_to_ring(theme: Theme, question: ClarifyingQuestion) -> None:
    assert "120" in question.ask or "急诊" in question.ask


def test_a_menu_fits_into_one_message() -> None:
    for _, question in QUESTIONS:
        assert len(question.choices) <= 10
        assert len(question.ask.encode()) < 700


@pytest.mark.parametrize(
    ("theme", "question", "text", "choice"),
    [
        ("vomiting", "colour", "没有血", "none"), ("vomiting", "colour", "没有血，是绿色的", "green"),
        ("vomiting", "colour", "白色奶块", "none"),
        ("vomiting", "keeps", "一喝就吐", "none"), ("vomiting", "keeps", "能喝", "keeps"), ("vomiting", "keeps", "第二个", "some"),
        ("rash", "fades", "不会", "stays"), ("rash", "fades", "会的", "fades"), ("rash", "fades", "看不出来", None),
        ("fever", "site", "胳肢窝", "axilla"), ("fever", "site", "耳温枪", "ear"), ("fever", "temperature", "没体温计", "unmeasured"),
        ("cough", "feeding", "吃得少了", None), ("cough", "feeding", "还可以", "normal"),
    ],
)  # fmt: skip
def test_free_words_find_their_choice(theme: str, question: str, text: str, choice: str | None) -> None:
    found = fact(theme, question, text)
    assert found is not None
    assert found.choice == choice


@pytest.mark.parametrize(
    ("text", "hours"),
    [("两天了", 48), ("昨天晚上开始的", 13), ("今天刚开始", 12), ("半天", 12), ("烧了一个星期", 168)],
)
def test_how_long_is_read_in_many_words(text: str, hours: float | None) -> None:
    found = fact("fever", "how_long", text)
    assert found is not None and found.hours is not None
    assert hours is None or found.hours == pytest.approx(hours, abs=1)


@pytest.mark.parametrize("text", ["没有", "38.5", "会", "好的"])
def test_bare_words_answer_only_what_is_open(text: str) -> None:
    for theme, question in QUESTIONS:
        if question.vital != "temperature":
            assert read_fact(theme, question, read(text), text, now=NOW, open=False) is None


@given(st.text(max_size=40), st.sampled_from(QUESTIONS), st.booleans())
def test_any_text_is_an_answer_or_nothing(text: str, pair: tuple[Theme, ClarifyingQuestion], open: bool) -> None:
    theme, question = pair
    found = read_fact(theme, question, read(text, context=question.ask), text, now=NOW, open=open)
    assert found is None or found.tells or not text.strip()
    assert leaves(text) in (True, False)


WHOLE = {
    "id": "itch", "version": 1, "title": "瘙痒", "rank": 9, "needs_clinician_review": True, "src": "R", "concepts": ["itch"],
    "step": "report.symptom",
    "questions": [
        {"id": "where", "kind": "choice", "name": "部位", "ask": "哪里痒？", "src": "R",
         "choices": [{"id": "face", "label": "脸上"}, {"id": "body", "label": "身上"}]},
    ],
}  # fmt: skip


def broken(**changes: object) -> dict[str, object]:
    return {**WHOLE, **changes}


def question(**changes: object) -> dict[str, object]:
    return broken(questions=[{**WHOLE["questions"][0], **changes}])  # type: ignore[index]


def test_a_whole_entry_is_taken(tmp_path: Path) -> None:
    (tmp_path / "itch.yml").write_text(yaml.safe_dump(WHOLE, allow_unicode=True), "utf-8")
    assert list(themes(tmp_path)) == ["itch"]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (broken(concepts=[]), "nothing opens it"),
        (broken(concepts=["no_such"]), "no such concepts"),
        (broken(step="report.nothing"), "step is no sentence"),
        (broken(questions=[]), "questions"),
        (broken(src=""), "src"),
        ({key: value for key, value in WHOLE.items() if key != "needs_clinician_review"}, "needs_clinician_review: Field required"),
        (question(src=""), "src"),
        (question(ask="说说哪里痒"), "ask puts no question"),
        (question(kind="signs"), "signs are missing"),
        (question(signs=["no_such"]), "no such signs"),
        (question(kind="value"), "vital is missing"),
        (question(kind="value", vital="no_such"), "no such vital"),
        (question(kind="duration"), "needs hours"),
        (question(kind="count", vital="stool_count"), "needs gte"),
        (question(danger=True), "a danger needs a choice that is one"),
        (question(tells="痒{how}"), "unknown placeholders"),
        (question(choices=[]), "needs two choices"),
        (question(unless=[{"question": "nobody", "choices": ["face"]}]), "unless names no question"),
        (broken(questions=[*WHOLE["questions"], *WHOLE["questions"]]), "questions are not unique"),  # type: ignore[misc]
        (broken(surprise=1), "surprise"),
    ],
)  # fmt: skip
def test_an_incomplete_entry_is_refused_with_its_reason(tmp_path: Path, entry: dict[str, object], complaint: str) -> None:
    (tmp_path / "itch.yml").write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    with pytest.raises(TemplateError, match=r"^itch\.yml: ") as refused:
        themes(tmp_path)
    assert complaint in str(refused.value)


def test_a_sign_opens_one_theme(tmp_path: Path) -> None:
    for name in ("itch", "other"):
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(broken(id=name), allow_unicode=True), "utf-8")
    with pytest.raises(TemplateError, match="itch opens itch already"):
        themes(tmp_path)


def test_breathing_well_says_nothing_of_convulsions() -> None:
    fever, cough = (next(q for q in themes()[id].questions if q.danger) for id in ("fever", "cough"))
    assert danger_signs(cough) == {"cyanosis", "dyspnea"}
    assert danger_signs(cough) < danger_signs(fever)
    assert "convulsion" in danger_signs(fever)


def test_what_is_asked_about_already_opens_nothing_beside_it() -> None:
    themes_here = themes()
    said = "呼吸费力，还拉肚子，又有点咳嗽"
    assert [theme.id for theme in themes_of(read(said), said, besides=themes_here["cough"])] == ["diarrhea"]
