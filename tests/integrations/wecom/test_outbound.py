import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wecom import outbound
from integrations.wecom.errors import WecomError
from integrations.wecom.outbound import message_id, split_text

characters = st.text(alphabet=st.characters(codec="utf-8"), max_size=300)
prose = st.text(alphabet="发烧了，。！？ \n38.5℃abc👨‍👩‍👧🇨🇳é", max_size=200)


@given(characters | prose, st.integers(4, 60))
def test_split_keeps_every_word_within_the_limit(content: str, limit: int) -> None:
    parts = split_text(content, limit)
    assert "".join("".join(parts).split()) == "".join(content.split())
    assert all(part and part == part.strip() and len(part.encode()) <= limit for part in parts)


@given(st.text(alphabet="发烧了。", max_size=3000))
def test_split_parts_fit_a_message(content: str) -> None:
    assert all(outbound.text(part) for part in split_text(content))


def test_split_prefers_the_end_of_a_sentence() -> None:
    assert split_text("宝宝今天体温正常。请继续观察，多喝水。", 36) == ["宝宝今天体温正常。", "请继续观察，多喝水。"]
    assert split_text("他说：“真的吗？”然后走了。", 27) == ["他说：“真的吗？”", "然后走了。"]
    assert split_text("请继续观察体温，多喝水多休息", 30) == ["请继续观察体温，", "多喝水多休息"]
    assert split_text("第一段\n\n第二段", 12) == ["第一段", "第二段"]


def test_split_leaves_numbers_links_and_emoji_whole() -> None:
    assert split_text("昨晚烧到38.5，", 17) == ["昨晚烧到", "38.5，"]
    assert split_text("请看https://a.cn/?q=1!a", 24) == ["请看", "https://a.cn/?q=1!a"]
    assert split_text("好好好👨‍👩‍👧", 20) == ["好好好", "👨‍👩‍👧"]
    assert split_text("好好好🇨🇳", 13) == ["好好好", "🇨🇳"]


def test_split_of_nothing_is_nothing() -> None:
    assert split_text(" \n ") == [] and split_text("") == []
    assert split_text("短") == ["短"]
    with pytest.raises(ValueError, match="limit"):
        split_text("好", 3)


@given(st.text(alphabet=st.characters(codec="utf-8")), st.text(alphabet=st.characters(codec="utf-8")))
def test_message_ids_are_lawful_and_stay(first: str, second: str) -> None:
    assert re.fullmatch(r"[0-9a-zA-Z_-]{1,32}", message_id(first))
    assert (message_id(first) == message_id(second)) == (first == second)


def test_a_message_id_outlives_a_release() -> None:
    assert message_id("followup:812:reminder:2") == "oXaNG-r-gfLAWP6vhIKUsl3MTkoUvLkj"


def test_each_type_has_its_shape() -> None:
    menu = outbound.msgmenu(
        [
            outbound.menu_click("task_7_yes", "有发烧"),
            outbound.menu_view("https://h5.example.cn/p", "看计划"),
            outbound.menu_miniprogram("wx1", "pages/index", "小程序"),
            outbound.menu_text("——", no_newline=True),
        ],
        head="今天怎么样？",
        tail="谢谢",
    )
    assert menu["msgmenu"]["list"] == [
        {"type": "click", "click": {"id": "task_7_yes", "content": "有发烧"}},
        {"type": "view", "view": {"url": "https://h5.example.cn/p", "content": "看计划"}},
        {"type": "miniprogram", "miniprogram": {"appid": "wx1", "pagepath": "pages/index", "content": "小程序"}},
        {"type": "text", "text": {"content": "——", "no_newline": 1}},
    ]
    assert (menu["msgmenu"]["head_content"], menu["msgmenu"]["tail_content"]) == ("今天怎么样？", "谢谢")
    messages = [
        outbound.text("你好"),
        *(build("m1") for build in (outbound.image, outbound.voice, outbound.video, outbound.file)),
        outbound.link("标题", "https://a.cn", "m1", "说明"),
        outbound.miniprogram("wx1", "pages/index.html?x=1", "标题", "m1"),
        menu,
        outbound.location(23.1, 113.3, "医院", "路"),
        outbound.ca_link("https://work.weixin.qq.com/ca/x"),
    ]
    kinds = [each["msgtype"] for each in messages]
    assert kinds == ["text", "image", "voice", "video", "file", "link", "miniprogram", "msgmenu", "location", "ca_link"]
    assert all(set(each) == {"msgtype", each["msgtype"]} for each in messages)


MOST: list[tuple[Callable[[str], Any], int]] = [
    (outbound.text, 2048),
    (lambda s: outbound.link(s, "https://a.cn", "m"), 128),
    (lambda s: outbound.link("t", "https://a.cn", "m", s), 512),
    (lambda s: outbound.miniprogram("wx1", "a.html", s, "m"), 64),
    (lambda s: outbound.menu_click("a", s), 128),
    (lambda s: outbound.menu_view("https://a.cn", s), 1024),
    (lambda s: outbound.menu_miniprogram("wx1", "a", s), 1024),
    (lambda s: outbound.menu_text(s), 256),
    (lambda s: outbound.msgmenu([outbound.menu_text("a")], head=s), 1024),
    (lambda s: outbound.msgmenu([outbound.menu_text("a")], tail=s), 1024),
]


@pytest.mark.parametrize(("build", "most"), MOST)
def test_limits_count_bytes(build: Callable[[str], Any], most: int) -> None:
    chinese = "好" * (most // 3) + "a" * (most % 3)
    assert build(chinese)
    with pytest.raises(WecomError) as caught:
        build(chinese + "a")
    assert (caught.value.code, caught.value.permanent) == ("too_large", True)
    assert "好" not in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: outbound.text(""),
        lambda: outbound.text("\ud83d"),
        lambda: outbound.image(""),
        lambda: outbound.link("t", "a.cn", "m"),
        lambda: outbound.miniprogram("wx1", "pages/index", "t", "m"),
        lambda: outbound.menu_click("task#7", "a"),
        lambda: outbound.menu_click("a" * 65, "a"),
        lambda: outbound.menu_click("好", "a"),
        lambda: outbound.msgmenu([]),
        lambda: outbound.msgmenu([outbound.menu_text("a")] * 11),
        lambda: outbound.msgmenu([outbound.menu_click("a", "1"), outbound.menu_click("a", "2")]),
        lambda: outbound.location(91, 0),
        lambda: outbound.location(float("nan"), 0),
    ],
)
def test_what_wecom_would_refuse_is_refused_here(build: Callable[[], Any]) -> None:
    with pytest.raises(WecomError, match="bad_request"):
        build()
