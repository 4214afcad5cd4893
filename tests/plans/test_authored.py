"""Whoever writes a template, a rule or an article is told where his mistake is, what it is and what to do."""

from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from plans.article import FOLDER as ARTICLES
from plans.authored import MAX_BYTES, MOST, AuthoringError, open_authored, read_authored
from plans.template import FOLDER, PlanTemplate, Strict, load_templates

NEONATAL = (FOLDER / "neonatal.yml").read_text(encoding="utf-8")
TITLE = "title: 体重和喂养"


class Ask(Strict):
    kind: Literal["ask"]
    question: str


class Tell(Strict):
    kind: Literal["tell"]
    text: str


class Page(Strict):
    code: str
    day: date
    at: time
    fasting: bool = False
    steps: list[Annotated[Ask | Tell, Field(discriminator="kind")]] = Field(default=[])
    names: dict[str, str] = Field(default={})


def refused(text: str, model: type = Page, name: str = "a.yml") -> str:
    with pytest.raises(AuthoringError) as caught:
        read_authored(text, model, name=name)
    assert caught.value.permanent
    return str(caught.value)


@pytest.mark.parametrize(
    "change, by, said",
    [
        ("version: 1", "version: 0", ["第 3 行，第 1 列，“version”：不能小于 1。"]),
        ("version: 1", "version: 1.5", ["第 3 行", "整数，不能有小数"]),
        (
            "after_hours: 4",
            "after_hours: many",
            ["第 22 行，第 18 列", "“steps[weight_and_feeding].reminders[第1项].after_hours”：这里要写整数"],
        ),
        ("    anchor: discharge", "    anchor: surgery", ["第 16 行，第 5 列", "日期“surgery”没有写在 anchors 或 later 里"]),
        ("kind: weight", "kind: wieght", ["第 25 行", "questions[weight].kind", "可以写的是 weight、amounts", "是不是想写“weight”？"]),
        (
            TITLE,
            "titel: 体重和喂养",
            ["第 15 行，第 5 列", "没有这个字段。是不是想写“title”？", "“steps[weight_and_feeding].title”：缺少这个字段"],
        ),
        (TITLE, f"{TITLE}\n    title: 再写", ["第 16 行", "“title”写了两次（上一次在第 15 行）"]),
        (TITLE, "title：体重和喂养", ["第 15 行", "中文冒号"]),
        (TITLE, "title: 体重: 喂养", ["第 15 行", "冒号加空格", "英文引号"]),
        (TITLE, "title: @体重", ["第 15 行", "特殊符号“@”"]),
        (TITLE, 'title: "体重和喂养', ["第 15 行，第 12 列：引号或括号没有配对"]),
        (TITLE, "title: 体重\x07和喂养", ["第 15 行", "非法字符"]),
        ("    anchor: discharge", "\tanchor: discharge", ["第 16 行", "Tab"]),
        ("    anchor: discharge", "     anchor: discharge", ["第 16 行", "对不齐"]),
        (TITLE, "title: &a 体重", ["第 15 行", "锚点“&a”"]),
        (TITLE, "title: *a", ["第 15 行", "引用“*a”"]),
        (TITLE, "title: !!python/object/apply:os.system [ls]", ["第 15 行", "不能使用标记"]),
        (TITLE, "title: " + "[" * 40, ["第 15 行", "层次太深"]),
        (NEONATAL, NEONATAL + "\n---\nid: two\n", ["两份内容"]),
        (NEONATAL, "# 只有注释\n", ["文件是空的"]),
        (NEONATAL, "体重和喂养", ["第 1 行", "这里要写“字段: 值”"]),
    ],
)
def test_a_mistake_is_named(change: str, by: str, said: list[str]) -> None:
    assert change in NEONATAL
    message = refused(NEONATAL.replace(change, by, 1), PlanTemplate, "neonatal.yml")
    assert all(line.startswith("neonatal.yml：") for line in message.splitlines())
    for part in said:
        assert part in message


def test_a_list_that_lost_its_item_is_not_called_too_short() -> None:
    message = refused(NEONATAL.replace("after_hours: 4", "after_hours: many", 1), PlanTemplate)
    assert len(message.splitlines()) == 1


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    message = refused("code: 12\nday: 明天\nat: 08:30\nfasting: 也许\nsteps:\n  - kind: ask\n    txt: 你好\n  - kind: aks\n")
    lines = message.splitlines()
    assert [line.split("，")[0] for line in lines] == [f"a.yml：第 {number} 行" for number in (1, 2, 4, 6, 7, 8)]
    assert "“steps[第1项].question”：缺少这个字段" in lines[3]
    assert "是不是想写“ask”？" in lines[5]


def test_after_many_mistakes_the_rest_is_counted() -> None:
    message = refused("code: a\nday: 2026-01-01\nat: 08:00\nnames:\n" + "".join(f"  n{n}: {n}\n" for n in range(MOST + 5)))
    assert len(message.splitlines()) == MOST + 1
    assert "还有 5 处错误" in message


def test_words_are_what_they_look_like() -> None:
    page = read_authored("code: '010'\nday: 2026-03-01\nat: 12:30\nfasting: no\nnames: {on: 'no', a: 12:30, b: 010}\n", Page)
    assert page == Page(code="010", day=date(2026, 3, 1), at=time(12, 30), fasting=False, names={"on": "no", "a": "12:30", "b": "010"})


def test_json_is_read_too() -> None:
    page = read_authored('{"code": "笑\\ud83d\\ude00", "day": "2026-03-01", "at": "08:00", "names": {"a": "b"}}', Page)
    assert page.code == "笑😀" and page.names == {"a": "b"}


def test_half_a_character_is_refused() -> None:
    assert "第 1 行" in refused('{"code": "\\ud83d"}')


def test_what_only_the_caller_knows_has_a_place_too() -> None:
    authored = open_authored("steps:\n  - kind: ask\n    question: 体温？\n", name="b.yml")
    problem = authored.problem(("steps", 0, "question"), "没有这个问题", "请先新建。")
    assert str(problem) == "b.yml：第 3 行，第 5 列，“steps[第1项].question”：没有这个问题。请先新建。"


@pytest.mark.parametrize("content, said", [(None, "找不到这个文件"), (b"x" * (MAX_BYTES + 1), "文件太大"), ("标题".encode("gbk"), "UTF-8")])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "宣教.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AuthoringError, match=r"^宣教.yml：") as caught:
        read_authored(path, Page)
    assert said in str(caught.value)
    with pytest.raises(AuthoringError, match="文件夹"):
        read_authored(tmp_path, Page)


def test_a_bomb_of_aliases_is_not_unfolded() -> None:
    bomb = "a: &a [x,x]\n" + "".join(f"{new}: &{new} [*{old},*{old}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    assert "锚点“&a”" in refused(bomb)


def test_what_is_shipped_reads_the_same_as_before() -> None:
    for path in FOLDER.glob("*.yml"):
        template = read_authored(path, PlanTemplate)
        assert template == load_templates()[template.id] or template.version < load_templates()[template.id].version
    for path in ARTICLES.glob("*.yml"):
        ours, theirs = open_authored(path).value, yaml.safe_load(path.read_text(encoding="utf-8"))
        assert [each["body"] for each in _articles(ours)] == [each["body"] for each in _articles(theirs)]


def _articles(raw: Any) -> list[Any]:
    return raw["articles"] if isinstance(raw, dict) else raw


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:：-[]{}'\"\n \t#&*!|>%@，,1\x00\ufeff\ud800😀")), max_size=60))
def test_no_text_is_answered_with_anything_but_an_authoring_error(text: str) -> None:
    try:
        read_authored(text, Page)
    except AuthoringError as err:
        assert str(err)
