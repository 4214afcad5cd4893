"""Bytes → messages: charsets, line ends, batches, free text, and bytes that nobody should send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.errors import HL7Error
from integrations.hl7.read import Message, read, read_header
from integrations.hl7.split import LARGEST, split

HEAD = "MSH|^~\\&|HIS|总院|||20261130||ADT^A01|7|P|2.4"


def message(*lines: str, head: str = HEAD, end: str = "\r", charset: str = "utf-8") -> bytes:
    return end.join((head, *lines, "")).encode(charset)


def name(message: Message) -> str:
    pid = message.first("PID")
    return pid.get(5) if pid else ""


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\n", "\r\r\n"])
def test_line_ends(end: str) -> None:
    assert [segment.name for segment in read(message("EVN|A01", "PID|1||1||张三", end=end)).segments] == ["MSH", "EVN", "PID"]


@pytest.mark.parametrize(
    ("declared", "charset", "read_as", "note"),
    [
        ("", "utf-8", "utf-8", None),
        ("", "gb18030", "gb18030", None),
        ("", "utf-8-sig", "utf-8", None),
        ("", "utf-16", "utf-8", None),
        ("||||||GB18030", "gb18030", "gb18030", None),
        ("||||||GB 18030-2000", "gb18030", "gb18030", None),
        ("||||||GB2312", "gbk", "gb18030", None),
        ("|||||GBK", "gb18030", "gb18030", None),
        ("|||||UNICODE UTF-8", "utf-8", "utf-8", None),
        ("|||||CHN|UNICODE UTF-8~GB18030", "utf-8", "utf-8", None),
        ("||||||UNICODE", "gb18030", "gb18030", "charset_contradicts"),
        ("||||||UTF-8", "gb18030", "gb18030", "charset_contradicts"),
        ("||||||ASCII", "utf-8", "utf-8", "charset_contradicts"),
        ("||||||GB18030", "utf-8", "utf-8", "charset_contradicts"),
        ("||||||8859/1", "utf-8", "utf-8", "charset_contradicts"),
        ("||||||BIG-5", "big5", "big5hkscs", None),
        ("||||||没有这种", "gb18030", "gb18030", None),
    ],
)
def test_charsets(declared: str, charset: str, read_as: str, note: str | None) -> None:
    data = message("PID|1||1||張三^三", head=HEAD.replace("总", "本") + declared, charset=charset)
    found = read(data)
    assert (name(found), found.header.charset, found.header.note) == ("張三", read_as, note)
    assert read_header(data).charset == read_as


def test_bytes_that_are_no_text_are_flagged() -> None:
    found = read(message("PID|1||1||") + b"\xff\xfe\xff")
    assert (found.header.charset, found.notes) == ("latin-1", ("charset_guessed",))


def test_an_override_wins() -> None:
    data = message("PID|1||1||张三", head=HEAD + "||||||UTF-8")
    assert name(read(data, charset="GBK")) == "寮犱笁"
    assert read(b"MSH|^~\\&|\xff", charset="UTF-8").notes == ("charset_broken",)
    with pytest.raises(HL7Error, match="charset_unknown"):
        read(data, charset="punycode")


def test_a_separator_within_a_character_of_gb18030_separates_nothing() -> None:
    # 臫 and its neighbours end in 0x7C, "|", in GB18030.
    text = next(chr(code) for code in range(0x4E00, 0x9FFF) if chr(code).encode("gb18030")[-1:] == b"|")
    found = read(message(f"PID|1||1||{text}^三", head=HEAD.replace("总院", text) + "||||||GB18030", charset="gb18030"))
    assert (found.header.facility, found.header.control_id, name(found)) == (text, "7", text)


def test_a_line_that_is_no_segment_goes_on_with_the_field_before_it() -> None:
    found = read(message("OBX|1|TX|R||诊断：", "肺炎", "", "建议：复查||||||F", "NTE|1||好", end="\n"))
    assert found.all("OBX")[0].get(5) == "诊断：\n肺炎\n建议：复查"
    assert found.all("OBX")[0].get(11) == "F"
    assert found.all("NTE")[0].get(3) == "好"


def test_a_text_at_the_end_goes_on_until_it_is_ended() -> None:
    data = message("OBX|1|TX|R||诊断：", "", "肺炎||||||F", "", "by hand", end="\n") + message("PID|1||1||张三", end="\n")
    one, two = (read(each) for each in split(data))
    assert (one.all("OBX")[0].get(5), one.all("OBX")[0].get(11)) == ("诊断：\n肺炎", "F")
    assert name(two) == "张三"


def test_batches_rows_of_messages_and_comments() -> None:
    one, two = message("PID|1||1||甲", end="\n"), message("PID|1||2||乙", end="\n")
    batch = b"FHS|^~\\&\nBHS|^~\\&\n" + one + b"\n// the next\n" + b"\xef\xbb\xbf" + two + b"BTS|2\nFTS|1\n"
    assert [name(read(each)) for each in split(batch)] == ["甲", "乙"]
    assert [name(read(each)) for each in split(b"# exported\n\n  " + one + b"--\n" + two)] == ["甲", "乙"]
    assert [name(read(each)) for each in split(b"\x0b" + one + b"\x1c\r\x0b" + two + b"\x1c\r")] == ["甲", "乙"]
    assert [name(read(each)) for each in split(one + two.decode().encode("gb18030"))] == ["甲", "乙"]


def test_components_escapes_and_raw_backslashes() -> None:
    segment = read(message(r"OBX|1|TX|a&b^c~d||10\S\9/L \T\ x\F\y\R\z\E\ C:\dir\.br\second\H\bold\N\|\X41\\X42\|\Xe5bca0\|\.in+4\x")).all(
        "OBX"
    )[0]
    assert [segment.get(3), segment.get(3, 1, 2), segment.get(3, 2), segment.get(3, 3)] == ["a", "b", "c", ""]
    assert segment.get(5) == "10^9/L & x|y~z\\ C:\\dir\nsecondbold"
    assert [segment.get(number) for number in (6, 7, 8, 99)] == ["AB", "张", "x", ""]


@pytest.mark.parametrize(("told", "signs"), [("^~\\\\&", "^~\\&"), ("", "^~\\&"), ("^~\\&#", "^~\\&"), ("$%*@", "$%*@"), ("^^^^", "^~\\&")])
def test_separators(told: str, signs: str) -> None:
    separators = read(f"MSH|{told}|A\r".encode()).header.segment.separators
    assert separators.component + separators.repetition + separators.escape + separators.subcomponent == signs


@pytest.mark.parametrize("data", [b"", b"MSH", b"MSHX|", b"PID|1", b"MSH\xe4\xb8\xba", b"MSH\x7f1", b"\xef\xbb\xbf", b"\xff\xfeM\0S\0"])
def test_no_message(data: bytes) -> None:
    with pytest.raises(HL7Error) as refused:
        read(data)
    assert (refused.value.code, refused.value.permanent) == ("not_hl7", True)


def test_too_large_or_too_deep() -> None:
    with pytest.raises(HL7Error, match="too_large"):
        read(message() + b"x" * LARGEST)
    with pytest.raises(HL7Error, match="depth"):
        read(message("PID" + "|" * 100_000))


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: message("PID|1||") + tail))
def test_any_bytes(data: bytes) -> None:
    try:
        found = read(data)
    except HL7Error:
        return
    told = "".join(segment.text(raw) for segment in found.segments for raw in segment.fields)
    assert "\0" not in told
    told.encode()
