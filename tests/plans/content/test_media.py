"""A file is judged by its bytes: what WeCom would refuse, and what would harm whoever opens it, is refused at the upload."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans.content.media import MAX_BYTES, MediaRefused, check_media
from tests.plans.content.files import docx, jpeg, mp4, pdf, png


@pytest.mark.parametrize(
    "name, data, kind, mime",
    [
        ("洗手 六步.png", png(), "image", "image/png"),
        ("a.JPG", jpeg(), "image", "image/jpeg"),
        ("穿脱衣（示范）.mp4", mp4(), "video", "video/mp4"),
        ("手册-2026.pdf", pdf(), "file", "application/pdf"),
        ("记录表.docx", docx(), "file", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)
def test_what_families_can_open_is_taken(name: str, data: bytes, kind: str, mime: str) -> None:
    checked = check_media(name, data)
    assert (checked.kind, checked.mime, checked.name, len(checked.sha256)) == (kind, mime, name, 64)


BOMB = docx({f"word/media/{n}.xml": bytes(30 << 20) for n in range(1)})


@pytest.mark.parametrize(
    "name, data, code, said",
    [
        ("../../etc/passwd.png", png(), "name", "文件名"),
        ("a\u202egnp.exe", png(), "name", "文件名"),
        ("a\r\nX-Evil: 1.png", png(), "name", "文件名"),
        (".png", png(), "name", "文件名"),
        ("名" * 60 + ".png", png(), "name", "文件名"),
        ("a.png", b"", "empty", "空文件"),
        ("a.exe", b"MZ" + bytes(100), "kind", "格式不能用"),
        ("a.pdf.exe", pdf(), "kind", "格式不能用"),
        ("a.html", b"<script>alert(1)</script>", "kind", "格式不能用"),
        ("a.svg", b"<svg onload='x'/>", "kind", "格式不能用"),
        ("a.gif", b"GIF89a" + bytes(20), "kind", "格式不能用"),
        ("a.png", jpeg(), "mismatch", "内容其实是 JPG"),
        ("a.pdf", b"MZ" + bytes(100), "kind", "格式不能用"),
        ("a.png", png(20_000, 20_000), "pixels", "20000×20000"),
        ("a.png", png()[:30], "broken", "已损坏"),
        ("a.jpg", jpeg()[:20], "broken", "已损坏"),
        ("a.mp4", mp4()[:16] + bytes(20), "broken", "已损坏"),
        ("a.png", png() + bytes(MAX_BYTES["image"]), "broken", "已损坏"),
        ("a.mp4", mp4() + bytes(MAX_BYTES["video"]), "large", "视频最多 10 MB"),
        ("a.docx", BOMB, "bomb", "异常大"),
        ("a.docx", docx({"inner.zip": b"PK"}), "bomb", "异常大"),
        ("a.docx", docx({"../../x": b"1"}), "bomb", "异常大"),
        ("a.docx", docx({"word/vbaProject.bin": b"1"}), "macro", "宏"),
        ("a.docx", docx()[:40], "broken", "已损坏"),
        ("a.pdf", pdf(b"/Encrypt 5 0 R"), "encrypted", "密码"),
    ],
)
def test_what_is_not_is_refused_with_a_sentence(name: str, data: bytes, code: str, said: str) -> None:
    with pytest.raises(MediaRefused) as refused:
        check_media(name, data)
    assert refused.value.code == f"media_{code}" and said in str(refused.value) and refused.value.permanent
    assert "\u202e" not in str(refused.value) and "\r" not in str(refused.value)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["png", "jpg", "mp4", "pdf", "docx"]), st.binary(max_size=200), st.integers(0, 4))
def test_any_bytes_are_taken_or_refused(stem: str, extension: str, data: bytes, start: int) -> None:
    heads = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PK\x03\x04", b"%PDF-")
    try:
        assert check_media(f"{stem}.{extension}", heads[start] + data).kind in MAX_BYTES
    except MediaRefused as refused:
        assert str(refused)
