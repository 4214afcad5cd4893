"""What clinical notes say about tags, and what they do not."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.tags import noted
from tagging.tags.errors import TagError
from tagging.tags.evidence import SURE
from tagging.tags.library import shipped
from tagging.tags.noted import LONGEST, QUOTE, because, read_note, read_table

SIGNS = {"for": "", "against": "-", "possible": "?"}


def read(text: str) -> set[str]:
    """The codes that the note tells; with a minus those that it excludes, with a question mark those that it leaves open."""
    return {SIGNS[each.stance] + each.code for each in read_note(text)}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("诊断：支气管哮喘", {"asthma"}),
        ("诊断：支气管哮喘？", {"?asthma"}),
        ("诊断：川崎病待排", {"?kawasaki"}),
        ("诊断：1.川崎病 2.支气管哮喘？", {"kawasaki", "?asthma"}),
        ("诊断：川崎病 支气管哮喘？", {"kawasaki", "?asthma"}),
        ("不能排除川崎病，继续观察", {"?kawasaki"}),
        ("骨髓检查排除急性白血病", {"-leukemia"}),
        ("查血常规，除外白血病", {"?leukemia"}),
        ("家长否认癫痫、热性惊厥病史", set()),
        ("既往史：无哮喘、糖尿病史", set()),
        ("既往史：哮喘病史3年", {"asthma"}),
        ("无发热，哮喘控制可", {"asthma"}),
        ("无发热但有哮喘", {"asthma"}),
        ("无明显诱因出现癫痫发作", {"epilepsy"}),
        ("家族史：父亲有糖尿病", set()),
        ("父亲有糖尿病，孩子体健", set()),
        ("母亲体健，患儿确诊白血病", {"leukemia"}),
        ("鉴别诊断：1.川崎病 2.幼年特发性关节炎", set()),
        ("注意事项：警惕癫痫发作", set()),
        ("如出现癫痫发作立即就诊", set()),
        ("拟行PICC置管", set()),
        ("PICC置管在位", {"picc"}),
        ("PICC已拔除", set()),
        ("建议行造血干细胞移植", set()),
        ("造血干细胞移植术后+45天", {"hsct"}),
        ("化疗后第9天", {"chemo"}),
        ("2026年4月结束化疗", set()),
        ("必要时予丙种球蛋白", set()),
        ("处理：甲氨蝶呤 10mg qw", {"mtx"}),
        ("处理：停用甲氨蝶呤", set()),
        ("肝素封管", set()),
        ("误服奶奶的胰岛素", set()),
        ("入院诊断：哮喘\n出院诊断：肺炎", set()),
        ("术前诊断：胆道闭锁", {"biliary_atresia"}),
        ("【诊断】癫痫", {"epilepsy"}),
        ("出院诊断\n1.癫痫\n2.脑瘫", {"epilepsy"}),
        ("注意：不可自行停用激素。出院带药：泼尼松 5mg qd", {"steroid"}),
        ("抗癫痫药物", set()),
        ("", set()),
        ("：：：】】", set()),
    ],
)
def test_what_is_said(text: str, codes: set[str]) -> None:
    assert read(text) == codes


def test_the_sentence_and_its_part_are_quoted_and_the_diagnosis_is_surest() -> None:
    (finding,) = read_note("主诉：哮喘复诊。\n出院诊断：1.支气管哮喘；2.肺炎。")
    assert (finding.heading, finding.sentence, finding.confidence) == ("出院诊断", "1.支气管哮喘；", 0.9)
    assert because("出院小结", date(2026, 3, 1), finding) == "出院小结（2026-03-01）出院诊断：「1.支气管哮喘；」"


def test_what_may_make_triage_milder_is_only_as_sure_as_a_diagnosis() -> None:
    found = {each.code: each.confidence for each in read_note("现病史：有糖尿病、过敏性紫癜、ITP，早产儿。")}
    assert set(found) == {"diabetes", "hsp", "itp", "preterm"} <= shipped().lowers
    assert max(found.values()) < SURE


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all(each.sentence in text and len(each.sentence) <= QUOTE for each in read_note(text))


@given(st.text(alphabet="哮喘父亲无否认有：:。，；？\n（）诊断既往史家族 拟停用泼尼松PICC】", max_size=80))
def test_any_note_is_read(text: str) -> None:
    assert {each.code for each in read_note(text)} <= set(shipped().entries)


def test_what_is_beyond_the_longest_is_not_read() -> None:
    assert read("无殊。" * (LONGEST // 3 + 1) + "诊断：哮喘") == set()


def test_a_long_note_takes_work_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence is judged once and by itself, so that no pattern sees more of a note than that."""
    seen: list[int] = []
    judge = noted._facts

    def counted(sentence: noted._Sentence, *rest: object) -> object:
        seen.append(len(sentence.text))
        return judge(sentence, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(noted, "_facts", counted)
    work = []
    for times in (1_000, 10_000):
        seen.clear()
        read_note("哮喘发作，无癫痫" * times)
        assert max(seen) <= noted.REACH
        work.append(sum(seen))
    assert work[1] == 10 * work[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("asthma:", "nonesuch:"), "the tag nonesuch is not in the library"),
        (("'哮喘", "'(哮喘"), "noted.yml, asthma"),
        (("version:", "v:"), "version"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "noted.yml"
    path.write_text(noted.FILE.read_text("utf-8").replace(*change, 1), encoding="utf-8")
    with pytest.raises(TagError, match=words):
        read_table(path)
