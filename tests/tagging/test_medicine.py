"""Medicines as families write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.medicine import find_medicines


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("昨天开了小儿氨酚黄那敏颗粒和止咳糖浆", ["小儿氨酚黄那敏颗粒", "止咳糖浆"]),
        ("用的蒙脱石散跟益生菌", ["蒙脱石散", "益生菌"]),
        ("医生给的是清肺化痰颗粒", ["清肺化痰颗粒"]),
        ("吃了点止泻的药", ["止泻的药"]),
        ("拍了胸片，尿片换了三次", []),
        ("发张照片给您看", []),
        ("打疫苗", []),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    found = find_medicines(text)
    assert [medicine.text for medicine in found] == names
    assert all(text[medicine.start : medicine.end] == medicine.text for medicine in found)


@pytest.mark.parametrize(
    ("text", "status"),
    [("喂了美林", "present"), ("没有吃美林", "absent"), ("能吃美林吗", "asked"), ("美林怎么喂", "asked"), ("停了美林", "absent")],
)
def test_used_left_out_or_asked_about(text: str, status: str) -> None:
    assert [medicine.status for medicine in find_medicines(text)] == [status]


def test_the_dose_as_typed() -> None:
    found = find_medicines("美林3ml，半包蒙脱石散")
    assert [(medicine.text, medicine.dose) for medicine in found] == [("美林", "3ml"), ("蒙脱石散", "半包")]


@given(st.text(alphabet="美林颗粒散片丸药吃了5毫升的没，吗？a1", max_size=40))
def test_offsets_hold_for_any_text(text: str) -> None:
    for medicine in find_medicines(text):
        assert text[medicine.start : medicine.end] == medicine.text


def test_a_medicine_that_was_left_out() -> None:
    assert [medicine.status for medicine in find_medicines("鱼肝油这几天没给她吃")] == ["absent"]


@pytest.mark.parametrize(
    ("text", "generic", "drug_class"),
    [
        ("喂了美林", "布洛芬", "退热镇痛药"),
        ("吃的普米克令舒雾化", "布地奈德", "吸入激素"),
        ("强的松减到一片", "泼尼松", "糖皮质激素"),
        ("德巴金早晚各一次", "丙戊酸", "抗癫痫药"),
        ("打了诺和锐", "胰岛素", "降糖药"),
        ("清肺化痰颗粒", None, None),
    ],
)
def test_a_brand_tells_its_substance_and_class(text: str, generic: str | None, drug_class: str | None) -> None:
    assert [(medicine.generic, medicine.drug_class) for medicine in find_medicines(text)] == [(generic, drug_class)]
