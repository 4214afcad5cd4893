"""What a push may say: nothing but a title of the list, a moment and a link."""

import pytest

from integrations.push import MAX_LINK, PushRefused, check_link, title_text, titles


def test_every_title_fits_where_the_platforms_show_it() -> None:
    assert titles()["task"] == "随访任务提醒"
    assert {name: text for name, text in titles().items() if not 1 <= len(text) <= 20} == {}


@pytest.mark.parametrize("title", ["", "随访任务提醒", "化疗第8天", "Task", "task\n"])
def test_words_that_are_not_on_the_list_cannot_be_pushed(title: str) -> None:
    with pytest.raises(PushRefused) as refused:
        title_text(title)
    assert (refused.value.code, refused.value.permanent) == ("bad_title", True)


@pytest.mark.parametrize(
    "link",
    [
        "https://work.weixin.qq.com/kfid/kfc123?enc_scene=ENCabc&scene_param=t.1_a-b",
        "https://careloop.example.cn:8443/h5/t/abc",
        "https://hospital.example",
    ],
)
def test_a_plain_https_link_is_taken(link: str) -> None:
    assert check_link(link) == link


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://hospital.example/t",
        "javascript:alert(1)",
        "https://",
        "https://hospital.example/白血病",
        "https://hospital.example/a b",
        "https://hospital.example/\n",
        "https://nurse@hospital.example/",
        'https://hospital.example/">',
        "https://hospital.example/" + "a" * MAX_LINK,
    ],
)
def test_any_other_link_is_refused_and_not_repeated_in_the_error(link: str) -> None:
    with pytest.raises(PushRefused) as refused:
        check_link(link)
    assert (refused.value.code, refused.value.permanent) == ("bad_link", True)
    assert not link or link not in str(refused.value)
