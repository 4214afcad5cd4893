"""Clinical notes in HL7: documents (MDM), and reports whose result is a text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.event import Noted, Observed
from integrations.hl7.events import to_message
from integrations.hl7.read import read
from tests.integrations.hl7.test_events import PID, SOURCE, events, only

TXA = "TXA|1|CY^出院小结|TX|20261120103000|||||D01^王^医生|||DOC1|{parent}||||{completion}||{availability}"


def document(trigger: str, *obx: str, parent: str = "", completion: str = "AU", availability: str = "AV") -> list[Noted]:
    txa = TXA.format(parent=parent, completion=completion, availability=availability)
    return only(Noted, events(f"MDM^{trigger}", PID, "PV1|1|I" + "|" * 17 + "V1", txa, *obx))


def test_a_document_over_several_segments_is_one_note() -> None:
    (note,) = document(
        "T02",
        "OBX|1|TX|CY||诊断：川崎病\\.br\\既往体健~第二行||||||F",
        "OBX|2|FT|CY||处理：\\T\\ 复查||||||F",
        "OBX|3|ED|PDF||^application^pdf^Base64^JVBE||||||F",
    )
    assert (note.key, note.kind.text, note.author, note.visit, note.status) == ("DOC1", "出院小结", "王医生", "V1", "final")
    assert note.text == "诊断：川崎病\n既往体健\n第二行\n处理：& 复查"
    assert note.written_at == datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


def test_segments_with_names_of_their_own_become_parts() -> None:
    (note,) = document("T02", "OBX|1|TX|1^主诉||发热3天", "OBX|2|TX|2^诊断||川崎病待排", "OBX|3|NM|8310-5^体温^LN||38.5|Cel")
    assert note.text == "主诉：发热3天\n诊断：川崎病待排"


@pytest.mark.parametrize(
    ("trigger", "completion", "availability", "status"),
    [
        ("T02", "AU", "AV", "final"), ("T02", "", "", "final"), ("T02", "IP", "", "preliminary"), ("T08", "AU", "AV", "amended"),
        ("T04", "AU", "OB", "superseded"), ("T04", "AU", "CA", "entered-in-error"), ("T11", "AU", "AV", "entered-in-error"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_document(trigger: str, completion: str, availability: str, status: str) -> None:
    (note,) = document(trigger, "OBX|1|TX|CY||内容", completion=completion, availability=availability)
    assert (note.key, note.status) == ("DOC1", status)


def test_a_replacement_supersedes_the_older_document() -> None:
    newer, older = document("T10", "OBX|1|TX|CY||内容", parent="DOC0")
    assert (newer.key, newer.status, older.key, older.status, older.text) == ("DOC1", "final", "DOC0", "superseded", None)


def test_a_text_in_base64_is_read_and_a_picture_is_not() -> None:
    (note,) = document("T02", "OBX|1|ED|CY||^TEXT^plain^Base64^6K+K5pat77ya5ZOu5ZaY")
    assert note.text == "诊断：哮喘"
    (note,) = document("T02", "OBX|1|ED|CY||^application^pdf^Base64^JVBE")
    assert note.text is None


def test_a_document_is_no_result_of_the_laboratory() -> None:
    found = events(
        "MDM^T02", PID, TXA.format(parent="", completion="", availability=""), "OBX|1|TX|CY||内容", "OBX|2|NM|8310-5^体温^LN||38|Cel"
    )
    assert [each.values for each in only(Observed, found)] == [("38",)]


REPORT = "影像所见：双肺纹理增多，右下肺可见斑片状高密度影，边界模糊，心影不大，肋膈角锐利。"


def test_a_report_in_words_is_a_note_beside_its_result() -> None:
    found = events(
        "ORU^R01",
        PID,
        "OBR|1||R7|XR^胸片|||20261120090000" + "|" * 15 + "20261120100000|||F",
        f"OBX|1|FT|XR^所见||{REPORT}",
        "OBX|2|TX|XR^结论||右下肺炎",
    )
    (note,) = only(Noted, found)
    assert (note.key, note.kind.text, note.report, note.status) == ("R7|XR", "胸片", True, "final")
    assert note.text == f"所见：{REPORT}\n结论：右下肺炎"
    assert note.written_at == datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert len(only(Observed, found)) >= 1, "what the family may be shown when it is released"


@pytest.mark.parametrize(
    "obx", ["OBX|1|TX|A^培养||阴性", f"OBX|1|ST|A^备注||{REPORT}", f"OBX|1|TX|A^X||{REPORT}|mg/L", "OBX|1|NM|A^WBC||5.1"]
)
def test_a_value_is_no_report(obx: str) -> None:
    assert only(Noted, events("ORU^R01", PID, "OBR|1||R7|XR^胸片", obx)) == []


@pytest.mark.parametrize(
    ("said", "status"), [("F", "final"), ("P", "preliminary"), ("C", "amended"), ("D", "entered-in-error"), ("W", "entered-in-error")]
)
def test_a_report_that_is_corrected_or_taken_back(said: str, status: str) -> None:
    (note,) = only(Noted, events("ORU^R01", PID, "OBR|1||R7|XR^胸片", f"OBX|1|TX|XR||{REPORT}||||||{said}"))
    assert (note.key, note.status) == ("R7|XR", status)


@given(st.lists(st.text(alphabet="TXAOBX|^~\\&12 诊断\r", max_size=30), max_size=8))
def test_any_document_is_read(lines: list[str]) -> None:
    body = "\r".join(("MSH|^~\\&|HIS|H|||20261120101500||MDM^T02|7|P|2.4", PID, "TXA|1|CY", *("OBX|1|TX|" + line for line in lines)))
    to_message(read(body.encode()), SOURCE)
