"""What messages mean: whom, which visit, what was found, ordered, booked."""

from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.event import (
    Booked,
    Coded,
    Diagnosed,
    Event,
    Identifier,
    Observed,
    Ordered,
    PatientMerge,
    PatientUpsert,
    Vaccinated,
    VisitChange,
)
from integrations.hl7.errors import HL7Error
from integrations.hl7.events import to_message
from integrations.hl7.fields import fields_of
from integrations.hl7.identifiers import Source
from integrations.hl7.read import Message, read
from integrations.hl7.recording import messages_of

DATA = Path(__file__).parents[2] / "data" / "hl7"
SOURCE = Source("his", ZoneInfo("Asia/Shanghai"))
PID = "PID|1||M1^^^H^MR||张三||20190214|男"
E = TypeVar("E", bound=Event)


def events(kind: str, *lines: str, source: Source = SOURCE, tail: str = "P|2.4") -> tuple[Event, ...]:
    return to_message(read("\r".join((f"MSH|^~\\&|HIS|H|||20261120101500||{kind}|7|{tail}", *lines)).encode()), source).events


def only(kind: type[E], found: tuple[Event, ...]) -> list[E]:
    return [event for event in found if isinstance(event, kind)]


def of_file(name: str) -> tuple[Event, ...]:
    return tuple(
        event for each in messages_of((DATA / name).read_bytes()) if isinstance(each, Message) for event in to_message(each, SOURCE).events
    )


def person(pid: str, *lines: str, source: Source = SOURCE) -> PatientUpsert:
    return only(PatientUpsert, events("ADT^A28", pid, *lines, source=source))[0]


def test_a_newborn_leaves_the_hospital() -> None:
    upsert, change, *rest = of_file("cn_nicu_discharge_a03.hl7")
    child = upsert.person
    assert child.identifiers == (Identifier("inpatient-number", "B2026110301"), Identifier("empi", "E900123"))
    assert child.mother == (Identifier("record-number", "M0099001"), Identifier("national-id", "99010119950307002X"))
    assert (child.name, child.sex, child.birth_date, child.birth_order) == ("张三之女", "F", date(2026, 11, 3), 2)
    assert (child.birth_weight_g, child.gestational_age_weeks) == (1980.0, 33)
    assert isinstance(change, VisitChange) and change.what == "discharge"
    assert (change.visit.number, change.visit.kind, change.visit.bed) == ("ZY20261103001-1", "inpatient", "15床")
    assert change.visit.discharged_at == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    assert [event.code.text for event in rest if isinstance(event, Diagnosed)] == ["早产儿", "新生儿黄疸"]


def test_a_discharge_is_taken_back() -> None:
    (change,) = of_file("cn_cancel_discharge_a13.hl7")
    assert isinstance(change, VisitChange) and (change.what, change.visit.discharged_at) == ("cancel_discharge", None)
    assert change.visit.number == only(VisitChange, of_file("cn_nicu_discharge_a03.hl7"))[0].visit.number


@pytest.mark.parametrize(
    ("trigger", "what"),
    [
        ("A01", "admit"),
        ("A04", "admit"),
        ("A06", "admit"),
        ("A08", "update"),
        ("A02", "update"),
        ("A03", "discharge"),
        ("A11", "cancel_admit"),
    ],
)
def test_triggers(trigger: str, what: str) -> None:
    # EVN-1 is A01 whatever the message is.
    (change,) = only(
        VisitChange, events(f"ADT^{trigger}", "EVN|A01|20261120100000||||20261119", PID, "PV1|1|住院|儿科^1^2" + "|" * 16 + "V1")
    )
    assert (change.what, change.visit.number, change.visit.ward) == (what, "V1", "儿科")
    assert change.at == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    assert change.visit.discharged_at == (datetime(2026, 11, 18, 16, 0, tzinfo=UTC) if what == "discharge" else None)


@pytest.mark.parametrize(
    ("told", "kind"),
    [("I", "inpatient"), ("住院", "inpatient"), ("03", "inpatient"), ("O", "outpatient"), ("门诊", "outpatient"), ("1", "outpatient"),
     ("E", "emergency"), ("急诊", "emergency"), ("P", "preadmit"), ("NEWBORN", "inpatient"), ("T", None), ("", None)],
)  # fmt: skip
def test_kinds_of_visits(told: str, kind: str | None) -> None:
    assert only(VisitChange, events("ADT^A01", PID, f"PV1|1|{told}|儿科"))[0].visit.kind == kind


def test_evn_tells_the_event_only_where_the_header_does_not() -> None:
    assert only(VisitChange, events("ADT", "EVN|A03", PID, "PV1|1|I"))[0].what == "discharge"
    assert only(VisitChange, events("ADT^A08", "EVN|A03", PID, "PV1|1|I"))[0].what == "update"


def test_an_account_numbers_a_visit_that_has_no_number() -> None:
    (change,) = only(VisitChange, events("ADT^A11", PID + "|" * 10 + "ZY9"))
    assert (change.visit.number, change.what) == ("ZY9", "cancel_admit")
    assert not only(VisitChange, events("ADT^A08", PID))


@pytest.mark.parametrize(
    ("family_and_given", "name"),
    [
        ("张三", "张三"),
        ("张^三", "张三"),
        ("张三^三", "张三"),
        ("张三^ZHANG SAN", "张三"),
        ("ZHANG SAN^张三", "张三"),
        ("张三^男", "张三"),
        ("张三^F", "张三"),
        ("欧阳^小树", "欧阳小树"),
        ("张三之女^", "张三之女"),
        ("DOE^JOHN^A", "JOHN DOE"),
        ("EVERYMAN&&&&Aniston^ADAM", "ADAM EVERYMAN"),
        ("", None),
    ],
)
def test_names(family_and_given: str, name: str | None) -> None:
    assert person(f"PID|1||M1^^^H^MR||{family_and_given}").person.name == name


@pytest.mark.parametrize(
    ("told", "sex"), [("男", "M"), ("女", "F"), ("M", "M"), ("f", "F"), ("1", "M"), ("2", "F"), ("U", None), ("", None)]
)
def test_sexes(told: str, sex: str | None) -> None:
    assert person(f"PID|1||M1^^^H^MR||张三||20190214|{told}").person.sex == sex


@pytest.mark.parametrize(
    ("cx", "system"),
    [
        ("1^^^H^MR", "record-number"),
        ("1^^^MRN", "record-number"),
        ("1^^^医院^病历号", "record-number"),
        ("1^^^医院^住院号", "inpatient-number"),
        ("1^^^医院^门诊号", "outpatient-number"),
        ("1^^^EMPI^PI", "empi"),
        ("1^^^HIS^PI", "his:HIS:PI"),
        ("990101201902140013^^^^身份证", "national-id"),
        ("990101201902140013^^^&2.16.156.10011.1.3&ISO", "national-id"),
        ("990101201902140013^^^^01", "national-id"),
        ("990101201902140013", "national-id"),
        ("99010119950307002x^^^H^IdentifyNO", "national-id"),
        ("990101201902140014^^^^身份证", "national-id"),
        ("990101201902140014^^^H^21", "his:H:21"),
        ("990101201902140014^^^&2.16.156.10011.1.3", "national-id"),
        ("E12345678^^^^身份证", "his::身份证"),
        ("AA00000001^^^^IDCard", "his::IDCard"),
        ("1^^^^", "his::"),
        ("1^^^&1.2.3&ISO^PI", "his:1.2.3:PI"),
    ],
)
def test_numbers_by_default(cx: str, system: str) -> None:
    assert [number.system for number in person(f"PID|1||{cx}||张三").person.identifiers] == [system]


@pytest.mark.parametrize("key", ["GH:PI", "GH", "PI", "1.2.3:PI", "1.2.3"])
def test_numbers_by_the_map_of_the_feed(key: str) -> None:
    source = Source("his", SOURCE.zone, {key: "record-number"})
    assert person("PID|1||1^^^GH&1.2.3&ISO^PI||张三", source=source).person.identifiers == (Identifier("record-number", "1"),)


def test_a_number_that_everybody_has_is_none() -> None:
    assert person("PID|1||0^^^H^MR~-~无~00000000~M1^^^H^MR~V1^^^H^VN||张三").person.identifiers == (Identifier("record-number", "M1"),)
    for pid in ("PID|1||||张三", "PID|1||0^^^H^MR~无||张三"):
        with pytest.raises(HL7Error, match="no_identifier"):
            person(pid)


def test_the_mothers_number_is_never_the_childs() -> None:
    pid = "PID|1||M9^^^H^MR~B1^^^H^住院号||张三之女||20261103|女" + "|" * 13 + "M9^^^H^MR"
    found = person(pid, "NK1|1|张三|母亲||13900000002" + "|" * 28 + "E9^^^EMPI").person
    assert found.identifiers == (Identifier("inpatient-number", "B1"),)
    assert found.mother == (Identifier("record-number", "M9"), Identifier("empi", "E9"))
    assert found.phones == ("13900000002",)
    with pytest.raises(HL7Error, match="no_identifier"):
        person("PID|1||M9^^^H^MR||张三之女" + "|" * 16 + "M9^^^H^MR")


def test_phones_and_death() -> None:
    found = person(
        "PID|1||1||张三||||||||^PRN^PH^^^586^3365555~a@b.c^NET^Internet~^^^^^^13900000001|13900000001" + "|" * 15 + "20261101|Y"
    ).person
    assert found.phones == ("5863365555", "13900000001")
    assert found.died_at == datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert person("PID|1||1||张三" + "|" * 25 + "Y").person.died_at == datetime(2026, 11, 20, 2, 15, tzinfo=UTC)


def test_each_mrg_belongs_to_the_pid_before_it() -> None:
    merges = only(PatientMerge, of_file("cn_merge_a40.hl7"))
    assert [([one.value for one in each.person.identifiers], [one.value for one in each.gone.identifiers]) for each in merges] == [
        (["E900123"], ["E900777", "M0077001"]),
        (["E900124"], ["E900778"]),
    ]
    assert merges[0].gone.name == "张三之女"


def test_links_are_made_and_undone() -> None:
    pair = ("PID|1||A^^^H^MR||张三", "PID|2||B^^^H^MR||张三")
    (link,), (undo,) = only(PatientMerge, events("ADT^A24", *pair)), only(PatientMerge, events("ADT^A37", *pair))
    assert (link.person, link.gone, link.undo, undo.undo) == (undo.person, undo.gone, False, True)


def test_swapped_beds_are_two_patients() -> None:
    found = events("ADT^A17", "PID|1||A||张三", "PV1|1|I|W^1^A", "PID|1||B||李四", "PV1|1|I|W^2^B")
    assert [(each.person.identifiers[0].value, each.visit.bed, each.what) for each in only(VisitChange, found)] == [
        ("A", "A", "update"),
        ("B", "B", "update"),
    ]


@pytest.mark.parametrize(
    ("kind", "lines", "code"),
    [
        ("ADT^A40", (PID,), "no_second"),
        ("ADT^A40", (PID, "MRG|M1^^^H^MR"), "no_second"),
        ("ADT^A24", (PID,), "no_second"),
        ("ADT^A01", ("PV1|1|I",), "no_patient"),
        ("ORU^R01", (), "no_patient"),
        ("SIU^S12", ("SCH|1|2", PID), "no_start"),
        ("SIU^S12", ("SCH|||||||||||^^^20261201", PID), "no_number"),
    ],
)
def test_what_a_person_must_look_at(kind: str, lines: tuple[str, ...], code: str) -> None:
    with pytest.raises(HL7Error, match=code):
        events(kind, *lines)


def test_messages_about_nobody() -> None:
    assert events("MFN^M02", "MFI|PRA") == events("SIU^S12", "SCH|1|2") == ()


def test_a_test_message_is_told_as_one() -> None:
    head = "MSH|^~\\&|HIS|||||{}|ADT^A28||{}|2.4\r" + PID
    assert [to_message(read(head.format("", code).encode()), SOURCE).test for code in ("P", "", "T", "D^R")] == [False, False, True, True]


def test_a_message_without_control_id_is_known_by_its_content() -> None:
    one, two = (to_message(read(f"MSH|^~\\&|HIS|||||x|ADT^A28||P|2.4\rPID|1||{number}".encode()), SOURCE) for number in (1, 2))
    assert one.notes == ("no_control_id",)
    assert one.id.startswith("sha256:") and one.id != two.id


def test_results_of_a_panel() -> None:
    found = only(Observed, of_file("cn_chronic_panel_gb18030.hl7"))
    wbc, _, _, plt, *_, crea, advice = found
    assert (wbc.key, wbc.values, wbc.unit, wbc.reference_range, wbc.flag, wbc.status) == (
        "LIS778812|WBC",
        ("2.1",),
        "10^9/L",
        "4.3-11.3",
        "L",
        "F",
    )
    assert wbc.report == Coded("XCG", "血常规五分类", "LIS")
    assert wbc.effective_at == datetime(2026, 11, 18, 1, 15, tzinfo=UTC)
    assert (plt.status, plt.unit) == ("C", "10*9/L")
    assert (crea.status, crea.values) == ("I", ())
    assert advice.values == ("建议：\n1. 三日后复查血常规\n2. 注意口腔卫生 & 隔离",)


@pytest.mark.parametrize(
    ("obx", "values"),
    [
        ("NM|A||60~120", ("60", "120")),
        ("SN|A||>^100", (">100",)),
        ("SN|A||^1^:^128", ("1:128",)),
        ("CWE|A||1^阳性^L", ("阳性",)),
        ("CE|A||POS", ("POS",)),
        ("ST|A||", ()),
        ('ST|A||""', ()),
        ("RP|A||http://x^^image", ()),
        ("DT|A||20240115", ("2024-01-15",)),
    ],
)
def test_values(obx: str, values: tuple[str, ...]) -> None:
    (found,) = only(Observed, events("ORU^R01", PID, f"OBX|1|{obx}"))
    assert found.values == values


def test_a_correction_has_the_key_of_what_it_corrects() -> None:
    def key(status: str, sub: str = "") -> str:
        return only(Observed, events("ORU^R01", PID, "OBR|1|P1|F1|XCG", f"OBX|1|NM|WBC|{sub}|1||||||{status}"))[0].key

    assert key("F") == key("C") == key("D") == key("W") == "F1|WBC"
    assert key("F", "2") == "F1|WBC|2"


def test_lines_of_a_text_are_one_result_and_repeats_are_told_apart() -> None:
    found = only(
        Observed, events("ORU^R01", PID, "OBR|1||F1|US^超声", "OBX|1|TX|||左肾", "OBX|2|TX|||右肾", "OBX|3|NM|A||1", "OBX|4|NM|A||2")
    )
    assert [(each.key, each.values) for each in found] == [("F1|US", ("左肾", "右肾")), ("F1|A", ("1",)), ("F1|A#2", ("2",))]


@pytest.mark.parametrize(
    ("obx_status", "obr_status", "status"),
    [("F", "P", "F"), ("", "P", "P"), ("", "", "F"), ("w", "F", "W"), ("", "X", "X"), ("0", "", "F"), ("0", "P", "P")],
)
def test_status_of_a_result(obx_status: str, obr_status: str, status: str) -> None:
    (found,) = only(Observed, events("ORU^R01", PID, f"OBR|1||F1|A{'|' * 21}{obr_status}", f"OBX|1|NM|A||1||||||{obx_status}"))
    assert found.status == status


def test_a_document_is_told_by_its_hash(shared: Path) -> None:
    (message,) = messages_of((shared / "data/hl7/traps/big_pdf.mllp").read_bytes())
    assert isinstance(message, Message)
    document = only(Observed, to_message(message, SOURCE).events)[-1]
    assert document.values == () and document.document == "c3dc9b285c7ead4b3173042d8e40309fd4d9a68d1785da830fff61576c0dba90"


def test_orders_of_chemotherapy() -> None:
    mercaptopurine, methotrexate, dexamethasone = only(Ordered, of_file("cn_chemo_rde_gbk.hl7"))
    assert (mercaptopurine.key, mercaptopurine.kind, mercaptopurine.dose, mercaptopurine.frequency) == (
        "YZ880001",
        "medicine",
        "50 毫克",
        "QD",
    )
    assert (mercaptopurine.route, mercaptopurine.instructions) == ("口服", "睡前空腹口服，勿与牛奶同服")
    assert mercaptopurine.ends_at == datetime(2026, 12, 3, 12, 0, tzinfo=UTC)
    assert (methotrexate.dose, methotrexate.frequency, methotrexate.instructions) == ("20-25 毫克", "QW", "每周一次，不可每日服用")
    assert (dexamethasone.key, dexamethasone.status) == ("YZ879990", "stopped")


@pytest.mark.parametrize(
    ("orc", "status"),
    [
        ("NW|1", "active"),
        ("XO|1", "active"),
        ("SC|1|||CM", "completed"),
        ("SC|1|||DC", "stopped"),
        ("CA|1", "stopped"),
        ("HD|1", "on-hold"),
        ("UA|1", None),
    ],
)
def test_status_of_an_order(orc: str, status: str | None) -> None:
    found = only(Ordered, events("ORM^O01", PID, f"ORC|{orc}", "OBR|1|1||XCG^血常规"))
    assert [each.status for each in found] == ([status] if status else [])


def test_tests_are_ordered_with_or_without_orc() -> None:
    found = only(Ordered, events("OML^O21", PID, "OBR|1|P1||A", "OBX|1|NM|A||1", "OBR|2|P2||B^乙||20261121", "NTE|1||空腹"))
    assert [(each.key, each.kind) for each in found] == [("P1", "test"), ("P2", "test")]
    assert found[1].starts_at == datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    assert not only(Ordered, events("ORU^R01", PID, "OBR|1|P1|F1|A"))


def test_several_medicines_under_one_number_are_told_apart() -> None:
    group = (
        "ORC|NW|Y1",
        "RXE||VCR^长春新碱|1.5||mg",
        "RXE||NS^氯化钠|100||ml",
        "RXR|IV",
        "ORC|CA|Y2",
        "RXO|A",
        "RXE||A|1||g",
        "RXE||B|2||g",
    )
    found = only(Ordered, events("RDE^O11", PID, *group))
    assert [(each.key, each.dose, each.status) for each in found] == [
        ("Y1", "1.5 mg", "active"),
        ("Y1|NS", "100 ml", "active"),
        ("Y2", "1 g", "stopped"),
        ("Y2|B", "2 g", "stopped"),
    ]
    assert [each.key for each in only(Ordered, events("RDE^O11", PID, "RXE||A|1", "RXE||B|2"))] == ["|A", "|B"]


def test_an_appointment_is_made_and_cancelled() -> None:
    made, cancelled = only(Booked, of_file("cn_booking_siu.hl7"))
    assert (made.status, made.department, made.place, made.doctor, made.prepare) == (
        "booked",
        "血液肿瘤科门诊",
        "3诊室",
        "刘医生",
        "空腹，带上化疗记录本",
    )
    assert (made.key, made.starts_at) == (cancelled.key, cancelled.starts_at) == ("HIS55001", datetime(2026, 12, 1, 1, 30, tzinfo=UTC))
    assert cancelled.status == "cancelled"
    (bare,) = only(Booked, events("SIU^S15", "SCH|1|2", PID))
    assert (bare.status, bare.starts_at) == ("cancelled", datetime(2026, 11, 20, 2, 15, tzinfo=UTC))


def test_vaccines_given_and_refused() -> None:
    hepatitis, bcg = only(Vaccinated, of_file("cn_vaccination_vxu.hl7"))
    assert (hepatitis.key, hepatitis.given, hepatitis.lot) == ("JZ0007|0201", True, "202601A03")
    assert (bcg.key, bcg.given) == ("JZ0007|0301", False)
    found = events(
        "VXU^V04", PID, "OBX|1|NM|W^体重||9", "RXA|0|1|20261110||88^流感^CVX", "OBX|1|NM|30973-2^dose^LN||2", "OBX|2|CE|64994-7||V01"
    )
    assert [each.dose_number for each in only(Vaccinated, found)] == [2]
    assert [each.code.code for each in only(Observed, found)] == ["W"]


def test_problems_and_deleted_diagnoses() -> None:
    found = only(Diagnosed, events("PPR^PC1", PID, "PRB|AD|1|J45^哮喘^I10|P1||20260101", "PRB|DE|1|B^乙|P2", "PRB|UP|1|C|P3|||||20261001"))
    assert [(each.key, each.active) for each in found] == [("P1", True), ("P2", False), ("P3", False)]
    (told, gone) = only(Diagnosed, events("ADT^A08", PID, "DG1|1|||哮喘|20260101", "DG1|2||J45" + "|" * 18 + "D"))
    assert (told.code.text, told.active, gone.active) == ("哮喘", True, False)


def test_every_public_message_has_its_events(shared: Path) -> None:
    for path in (shared / "data/hl7/messages").iterdir():
        for message in messages_of(path.read_bytes()):
            assert isinstance(message, Message)
            assert to_message(message, SOURCE).events, path.name


OWN = [path.read_bytes() for path in sorted(DATA.glob("*.hl7"))]


def read_all(data: bytes) -> None:
    for message in messages_of(data):
        if isinstance(message, HL7Error):
            continue
        fields_of(message)
        with suppress(HL7Error):
            repr(to_message(message, SOURCE)).encode()


@given(st.sampled_from(OWN), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=6)), max_size=8))
def test_changed_messages(data: bytes, changes: list[tuple[float, int, bytes]]) -> None:
    for where, gone, new in changes:
        at = int(where * len(data))
        data = data[:at] + new + data[at + gone :]
    read_all(data)


@given(st.sampled_from(OWN), st.integers(0, 2_000))
def test_cut_messages(data: bytes, length: int) -> None:
    read_all(data[:length])


@given(
    st.lists(
        st.sampled_from(
            [
                "MSH|^~\\&|",
                "PID|",
                "OBX|",
                "MRG|",
                "ORC|",
                "RXE|",
                "SCH|",
                "RXA|",
                "|",
                "^",
                "~",
                "&",
                "\\",
                "\r",
                "1",
                "男",
                "ADT^A40",
                "2026",
            ]
        ),
        max_size=60,
    )
)
def test_segments_in_any_order(parts: list[str]) -> None:
    read_all("".join(["MSH|^~\\&|A|B|||2026||SIU^S12|1|P|2.4\r", *parts]).encode())


@pytest.mark.parametrize(
    "sign",
    ["|", "^", "~", "&", "\\", "\r", "\n", "\\X41", "\\F\\", "OBX|1|TX|A||x\r", "PID|1||1\r", "MRG|1\r", "a\r", "\x0b", "\x1c\r", "0"],
)
@pytest.mark.parametrize("kind", ["ADT^A40", "ORU^R01"])
def test_bombs(sign: str, kind: str) -> None:
    read_all(f"MSH|^~\\&|A|B|||2026||{kind}|1|P|2.4\rPID|1||{sign * (100_000 // len(sign))}".encode())
