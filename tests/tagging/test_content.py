"""The tables: references, refusals, departments, reload, and the example phrases of every category."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tagging.check import banned_advice
from tagging.content import DATA, default_content, for_department, load_all, load_content, put_in_force
from tagging.errors import ContentError
from tagging.patient import PatientFacts
from tagging.reload import Watch
from tagging.tables import severity
from tagging.triage import triage_text, triage_value

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
WARD = """
department: 血液科
approved_by: 王主任
approved_on: 2026-02-01
"""


def changed(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (DATA / name).read_text(encoding="utf-8")
    assert old in text
    folder, _, _ = name.rpartition("/")
    if folder:
        shutil.copytree(DATA / folder, tmp_path / folder)
    path = tmp_path / name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path / folder if folder else path


def ward(tmp_path: Path, text: str, head: str = WARD) -> Path:
    path = tmp_path / "hematology.yml"
    path.write_text(head + text, encoding="utf-8")
    return path


def test_a_clinician_changes_a_limit_without_touching_code(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "vitals.yml",
        "{lt: 39.0, level: routine}, {lt: 40.0, level: same_day}",
        "{lt: 38.0, level: routine}, {lt: 40.0, level: same_day}",
    )
    content = load_content(vitals=path)
    patient = PatientFacts(900)
    assert triage_text("体温38.5", context=None, patient=patient, now=NOW).level == "routine"
    assert triage_text("体温38.5", context=None, patient=patient, now=NOW, content=content).level == "same_day"


LIFE, FEVER, VITALS = "redflags/life.yml", "redflags/fever.yml", "vitals.yml"


@pytest.mark.parametrize(
    ("name", "old", "new", "place"),
    [
        (LIFE, "when: [convulsion]", "when: [convulsio]", "life.yml, convulsion.convulsion: unknown concept convulsio"),
        (LIFE, "when: [convulsion], level: emergency", "when: [convulsion], level: dringend", "life.yml, convulsion.convulsion.level"),
        (LIFE, "{id: convulsion, when", "{when", "life.yml, convulsion.rule 1.id: Field required"),
        (LIFE, "when: [convulsion]", "when: []", "life.yml, convulsion.convulsion.when"),
        (LIFE, "when: [convulsion]", "when: [convulsion], unless: [convulsion]", "convulsion.convulsion: can never fire"),
        (LIFE, "when: [convulsion]", "when: [convulsion], age: [90, 0]", "convulsion.convulsion: the age range runs backwards"),
        (LIFE, "when: [convulsion]", "when: [convulsion], tags: [chemotherapie]", "convulsion.convulsion: unknown tag chemotherapie"),
        (LIFE, "when: [convulsion]", "when: [convulsion], tags: [chemo], not_tags: [chemo]", "a tag is both asked for and excluded"),
        (LIFE, "when: [convulsion]", "when: [convulsion], duration_unknown: true", "duration_unknown needs at_least_hours"),
        (LIFE, "when: [convulsion]", "when: [convulsion], reply: gentle", "convulsion.convulsion: no reply 'gentle'"),
        (LIFE, "when: [convulsion]", "when: [convulsion], source: S99", "convulsion.convulsion: source S99"),
        (LIFE, "id: twitch_and_fever", "id: twitch", "convulsion.twitch: there are two rules of this name"),
        (LIFE, "when: [twitch], level: same_day", "when: [twitch, fever], level: same_day", "convulsion.twitch: contradicts twitch_and"),
        (LIFE, "    question: '孩子现在身体", "    note: '孩子现在身体", "life.yml, convulsion.note: Extra inputs"),
        (LIFE, "不要掐人中", "可以掐人中", "convulsion, reply: says '掐人中'"),
        (FEVER, "default_level: emergency", "default_lvl: emergency", "fever.yml, fever_infant_lt3m.default_l"),
        (FEVER, "review_status: needs_clinician_approval", "review_status: approved", "says who approved it and when"),
        (FEVER, "sources: 'S1,S2,S3'", "sources: 'S1,S77'", "source S77"),
        (VITALS, "category: fever_high", "category: fever_hi", "vitals.yml, temperature: unknown category 'fever_hi'"),
        (VITALS, "{lt: 36.0, level: urgent}, {lt: 37.5, level: normal}", "{lt: 35.0, level: urgent}, {lt: 37.5, level: normal}",
         "temperature.0-90: line 2 (urgent) can never be reached"),
        (VITALS, "{lt: 38.0, level: same_day}, {gte: 38.0, level: emergency}", "{lt: 38.0, level: same_day}, {gte: 38.5, level: emergency}",
         "temperature.0-90: no line for"),
        ("symptoms/breathing.yml", "'{lip} {blue}'", "'{lips} {blue}'", "no word group 'lips'"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_file_and_rule(tmp_path: Path, name: str, old: str, new: str, place: str) -> None:
    path = changed(tmp_path, name, old, new)
    with pytest.raises(ContentError) as refused:
        load_content(**{path.stem: path})
    assert place in str(refused.value)
    assert name.rpartition("/")[2] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_department_sets_levels_limits_and_replies_for_its_own_patients(tmp_path: Path) -> None:
    path = ward(
        tmp_path,
        """
rules:
  bleed_low_plt.nosebleed: {level: urgent}
  convulsion.twitch: {disabled: true, reason: 本科室不适用}
add:
  - {id: pale, category: bleed_low_plt, when: [pallor], level: urgent, tags: [low_platelets], source: 科室会议 2026-01}
bands:
  temperature.chemo: {source: S8, rules: [{lt: 37.3, level: normal}, {lt: 38.0, level: urgent}, {gte: 38.0, level: emergency}]}
replies:
  bleed_low_plt: {urgent: '请压住鼻翼10分钟，马上打科室电话。出血不止请立即拨打120。{notified}'}
""",
    )
    name, own = for_department(default_content(), path)
    assert name == "血液科"
    nose = triage_text("流鼻血了", context=None, patient=PatientFacts(900), now=NOW, content=own)
    assert (nose.level, nose.evidence[0].rule) == ("urgent", "bleed_low_plt.nosebleed")
    assert "王主任, 2026-02-01" in nose.evidence[0].because and "马上打科室电话" in (nose.reply or "")
    assert triage_text("流鼻血了", context=None, patient=PatientFacts(900), now=NOW).level == "same_day"
    assert triage_text("手抖了一下，抽动", context=None, patient=PatientFacts(900), now=NOW, content=own).level == "routine"
    chemo = PatientFacts(900, tags=("chemo",))
    assert triage_value("temperature", 38.0, "℃", patient=chemo, now=NOW, content=own).level == "emergency"
    assert triage_text("脸色苍白", context=None, patient=PatientFacts(900, tags=("itp",)), now=NOW, content=own).level == "urgent"


@pytest.mark.parametrize(
    ("text", "head", "place"),
    [
        ("rules: {convulsion.convulsion: {level: urgent}}", WARD, "convulsion.convulsion: makes an emergency less than"),
        ("rules: {convulsion.convulsion: {disabled: true}}", WARD, "needs a reason"),
        ("rules: {convulsion.shaking: {level: urgent}}", WARD, "convulsion.shaking: there is no such rule"),
        ("rules: {shaking.shaking: {level: urgent}}", WARD, "shaking.shaking: there is no such category"),
        ("rules: {convulsion.twitch: {}}", WARD, "convulsion.twitch: nothing is changed"),
        ("add: [{id: pale, category: purpura, when: [pallor], level: urgent}]", WARD, "source: Field required"),
        ("bands: {temperature.0-99: {source: R, rules: [{lt: 38, level: normal}, {gte: 38, level: urgent}]}}", WARD, "no such band"),
        ("bands: {temperature.0-90: {source: R, rules: [{lt: 38, level: normal}, {gte: 38, level: urgent}]}}", WARD, "needs a reason"),
        ("replies: {convulsion: {default: '可以掐人中，拨打120'}}", WARD, "convulsion, reply: says '掐人中'"),
        ("replies: {convulsion: {default: '先看看再说'}}", WARD, "must name 120"),
        ("rules: {convulsion.twitch: {level: urgent}}", "department: 血液科\n", "approved_by: Field required"),
    ],
)  # fmt: skip
def test_a_department_file_that_weakens_or_errs_is_refused(tmp_path: Path, text: str, head: str, place: str) -> None:
    with pytest.raises(ContentError) as refused:
        for_department(default_content(), ward(tmp_path, text, head))
    assert place in str(refused.value) and str(refused.value).startswith("hematology.yml")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Path]:
    """A copy of the tables that the test may change, put back afterwards."""
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    (folder / "departments").mkdir(exist_ok=True)
    yield folder
    put_in_force(load_all())


def test_changed_files_come_into_force_and_bad_ones_do_not(house: Path) -> None:
    watch = Watch(house)
    patient, ours = PatientFacts(900), PatientFacts(900, department="血液科")
    assert watch.refresh() == (False, None)
    path = ward(house / "departments", "rules: {bleed_low_plt.nosebleed: {level: urgent}}")
    assert watch.refresh() == (True, None)
    assert triage_text("流鼻血了", context=None, patient=ours, now=NOW).level == "urgent"
    assert triage_text("流鼻血了", context=None, patient=patient, now=NOW).level == "same_day"
    path.write_text(WARD + "rules: {bleed_low_plt.nosebleed: {level: immediately}}", encoding="utf-8")
    changed, why = watch.refresh()
    assert not changed and why is not None and why.startswith("hematology.yml, rules.bleed_low_plt.nosebleed")
    assert triage_text("流鼻血了", context=None, patient=ours, now=NOW).level == "urgent"
    assert watch.refresh() == (False, None), "the same mistake is told once"
    path.unlink()
    assert watch.refresh() == (True, None)
    assert triage_text("流鼻血了", context=None, patient=ours, now=NOW).level == "same_day"


def test_no_reply_advises_what_is_banned() -> None:
    content = default_content()
    flags = content.redflags
    texts = [
        flags.safety_net,
        flags.notified,
        flags.not_notified,
        flags.meanwhile,
        flags.who_is_meant,
        *flags.second_look.model_dump().values(),
    ]
    for category in flags.categories.values():
        texts += [category.reply, category.notified or "", category.question or "", *category.replies.values()]
    texts += [vital.ask for vital in content.vitals.vitals.values()]
    assert len(texts) > 150
    assert [(text, found) for text in texts if (found := banned_advice(text, flags.never_say))] == []


@pytest.mark.parametrize(
    "text",
    [
        "确诊是肺炎",
        "没事的，观察就好",
        "不用去医院",
        "这肯定是病毒",
        "给您开点退烧药",
        "把药量改成半片",
        "可以停药了",
        "捂一捂发发汗",
        "先催吐",
        "掐人中",
        "自行加量",
    ],
)
def test_every_ban_of_the_clinical_reference_is_known(text: str) -> None:
    assert banned_advice(text, default_content().redflags.never_say)


@pytest.mark.parametrize("text", ["不要催吐、不要喂水", "请不要掐人中", "不要自行停药或加药", "按医生开的退热药使用"])
def test_a_prohibition_is_no_advice(text: str) -> None:
    assert banned_advice(text, default_content().redflags.never_say) is None


def test_the_example_phrases_fire_their_category_or_something_as_serious() -> None:
    content = default_content()
    missed = []
    total = 0
    for category_id, category in content.redflags.categories.items():
        told = category.phrase_patient
        patient = PatientFacts(
            told.get("age_days"),
            tags=tuple(told.get("tags", ())),
            birth_weight_g=told.get("birth_weight_g"),
            personal_best=told.get("personal_best"),
        )
        for phrase in category.phrases:
            total += 1
            result = triage_text(phrase, context=None, patient=patient, now=NOW)
            as_serious = severity(result.level) >= max(1, severity(category.default_level))
            if category_id not in result.categories and not as_serious:
                missed.append((category_id, phrase, result.level))
    assert total > 1000
    assert 1 - len(missed) / total >= 0.95, missed
