"""What could tell who somebody is does not survive, and what matters to the model does."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.retraining.deidentify import deidentify, is_id_card, placeholders
from bot.retraining.on_file import OnFile, pet_names
from records.patient import Patient

NOBODY = OnFile()
CHILD = Patient(name="李子萱", birth_date=date(2026, 2, 20), record_number="R-20331")
FILE = OnFile(
    {"李子萱": "child", "王小满": "child", "赵敏": "carer", "林悦": "staff", "tom": "child"},
    {"r-20331": "record", "wmzhaomin01": "account"},
).with_family([CHILD])

ORDINARY = ["宝宝", "今天", "有点咳嗽", "，", "体温", "怎么办", "谢谢", "38度5", " ", "吃了60毫升", "啊", "6斤8两", "。"]
WORDS = st.lists(st.sampled_from(ORDINARY), max_size=6).map("".join)


def id_card(first17: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first17 + "10X98765432"[sum(w * int(d) for w, d in zip(weights, first17, strict=True)) % 11]


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in text)


@settings(deadline=None)
@given(WORDS, WORDS, st.sampled_from(["李子萱", "王小满", "赵敏", "林悦", "Tom", "子萱", "萱萱", "小萱", "萱宝", "赵 敏", "李 子 萱"]))
def test_no_name_on_file_survives(before: str, after: str, name: str) -> None:
    told = deidentify(f"{before}{name}{after}", FILE)
    assert name not in told
    assert name.replace(" ", "") not in told.replace(" ", "")
    assert any(placeholder in told for placeholder in placeholders())


@settings(deadline=None)
@given(WORDS, WORDS, st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "-", " "]), st.booleans())
def test_no_mobile_survives(before: str, after: str, number: str, gap: str, full_width: bool) -> None:
    written = gap.join((number[:3], number[3:7], number[7:]))
    told = deidentify(f"{before}电话{wide(written) if full_width else written}，{after}", NOBODY)
    assert number not in "".join(c for c in told if c.isdigit())
    assert "〔电话〕" in told


@settings(deadline=None)
@given(WORDS, st.from_regex(r"[1-6][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}", fullmatch=True), st.booleans())
def test_no_identity_card_survives(before: str, first17: str, gaps: bool) -> None:
    number = id_card(first17)
    assert is_id_card(number)
    assert not is_id_card(number[:17] + ("1" if number[17] != "1" else "2"))
    written = f"{number[:6]} {number[6:14]} {number[14:]}" if gaps else number
    told = deidentify(f"{before}身份证{written}", NOBODY)
    assert "〔证件号〕" in told
    assert number[:6] not in told


@settings(deadline=None)
@given(WORDS, st.text(alphabet="0123456789〇一二三四五六七八九零幺", min_size=7, max_size=24), WORDS)
def test_no_long_number_survives(before: str, number: str, after: str) -> None:
    assert number not in deidentify(f"{before}{number}。{after}", NOBODY)


@settings(deadline=None)
@given(st.text())
def test_it_is_total_and_twice_is_once(text: str) -> None:
    once = deidentify(text, FILE)
    assert deidentify(once, FILE) == once


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("我们住在朝阳区建国路88号院3号楼502室，方便上门吗", "我们住在〔地址〕，方便上门吗"),
        ("家在浙江省杭州市西湖区文三路", "家在〔地址〕"),
        ("我加你微信zhao_min88行吗", "我加你微信〔账号〕行吗"),
        ("wxid_a1b2c3d4e5 是我", "〔账号〕 是我"),
        ("邮箱 zhao.min@example.com", "邮箱 〔账号〕"),
        ("病历号R-20331的孩子", "病历号〔病历号〕的孩子"),
        ("住院号是 88123 ，查一下", "住院号是 〔病历号〕 ，查一下"),
        ("孩子2026年2月20日出生，现在吐奶", "孩子〔出生日期〕出生，现在吐奶"),
        ("生日是2月20号", "生日是〔出生日期〕"),
        ("20260220的", "〔出生日期〕的"),
        ("2026-02-20那天", "〔出生日期〕那天"),
        ("我叫陈小红，想问复诊", "我叫〔姓名〕，想问复诊"),
        ("陈医生让我们复查", "〔姓名〕医生让我们复查"),
        ("我是wmZhaoMin01", "我是〔账号〕"),
        ("座机 0571-88886666 找我", "座机 〔电话〕 找我"),
    ],
)
def test_what_is_taken_out(text: str, told: str) -> None:
    assert deidentify(text, FILE) == told


@pytest.mark.parametrize(
    "text",
    [
        "烧到38度5了，才两个月",
        "体重3200克，昨天3150克",
        "出生体重3.2公斤",
        "一天吃8次，每次60毫升",
        "谢谢医生，谢谢护士",
        "血压90/60，心率120",
        "3月5日复诊几点到",
        "黄疸值12.5，白细胞10.2",
        "我家宝宝 tomato 过敏",
        "36.5 36.8 37.1 三次体温",
        "转人工，我要找护士",
        "门诊在几楼",
        "药在路上吃了",
    ],
)
def test_what_stays(text: str) -> None:
    assert deidentify(text, FILE) == text


def test_pet_names_come_from_the_given_name() -> None:
    assert {"子萱", "萱萱", "小萱", "萱宝"} <= pet_names("李子萱")
    assert pet_names("Tom") == set()
    assert {"安宝", "小安"} <= pet_names("安安")
