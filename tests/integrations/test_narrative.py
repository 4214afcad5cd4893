"""Marked-up text as plain lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.narrative import is_marked_up, plain_text


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p>主诉：<b>发热</b>3天</p><p>诊断：川崎病</p></div>', "主诉：发热3天\n诊断：川崎病"),
        ("<table><tr><td>体温</td><td>38.5&nbsp;&#8451;</td></tr><tr><td>血压</td></tr></table>", "体温 38.5 ℃\n血压"),
        ("<p>a</p><script>alert('x<y')</script><style>p{}</style><p>b</p>", "a\nb"),
        ("a<!-- <p>hidden</p> -->b", "ab"),
        ("x &lt;script&gt; y", "x <script> y"),
        ("体温<38.5，血压>90", "体温<38.5，血压>90"),
        ("<script>", ""),
        ("", ""),
    ],
)
def test_the_words_are_left(marked: str, plain: str) -> None:
    assert plain_text(marked) == plain


@given(st.text(alphabet="<>/!-p br&;a\n诊"))
def test_any_text_is_read(text: str) -> None:
    plain_text(text)


def test_what_is_marked_up() -> None:
    assert is_marked_up(" <html>x</html>\n") and not is_marked_up("体温<38") and not is_marked_up("")
