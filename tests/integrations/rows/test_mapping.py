"""What a mapping may say, and how it is refused."""

import pytest

from integrations.rows.mapping import MappingError, read_mapping

LAB = """
event: observed
key: [报告号, 项目代码]
updated: 更新时间
deleted: {column: 状态, values: [作废]}
person:
  identifiers:
    - {system: record-number, column: 病历号}
    - {system: national-id, column: 身份证号}
  name: 姓名
  sex: 性别
  birth_date: 出生日期
  phones: 联系电话
fields:
  text: 项目名称
  code: 项目代码
  system: {fixed: 99LIS}
  value: 结果
  unit: 单位
  flag: 提示
  effective_at: 采样时间
"""


def test_a_mapping_names_the_columns_that_are_read() -> None:
    mapping = read_mapping(LAB)
    assert mapping.key == ("报告号", "项目代码")
    assert set(mapping.columns()) == {
        *("报告号", "项目代码", "更新时间", "状态", "病历号", "身份证号", "姓名", "性别", "出生日期", "联系电话"),
        *("项目名称", "结果", "单位", "提示", "采样时间"),
    }


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{", "no YAML, line"),
        ("- 1", "must be a list of names"),
        (LAB.replace("event: observed", "event: observation"), "event"),
        (LAB.replace("  value: 结果\n", ""), "observed needs: value"),
        (LAB.replace("  unit: 单位", "  einheit: 单位"), "observed has no field einheit"),
        (LAB.replace("{fixed: 99LIS}", "{fixed: 99LIS, column: a}"), "a column or a fixed text"),
        (LAB.replace("key: [报告号, 项目代码]", "key: []"), "key"),
        (LAB + "sql: drop table patient\n", "sql"),
        (LAB.split("person:")[0] + "person: {identifiers: []}\nfields: {text: a, value: b}\n", "person.identifiers"),
        ("a: &a [x]\nb: [*a, *a]\n" + "# " + "x" * 70_000, "larger than 64 kB"),
        ("[" * 5000, "no YAML"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_place(wrong: str, told: str) -> None:
    with pytest.raises(MappingError, match=told):
        read_mapping(wrong)
