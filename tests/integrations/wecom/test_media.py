import json
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from integrations.wecom import media
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.media import File
from integrations.wecom.token import TokenStore
from tests.integrations.wecom.fake import HANG, OK, Clock, FakeWecom

UPLOADED = OK | {"type": "image", "media_id": "m1", "created_at": "1380000000"}


async def test_a_chinese_filename_goes_out_as_it_is(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("media/upload", UPLOADED)
    await media.upload(client, "image", File(b"\xff\xd8 picture", '宝宝"体温\\.jpg', "image/jpeg"))
    (asked,) = wecom.asked_for("media/upload")
    assert 'filename="宝宝\\"体温\\\\.jpg"'.encode() in asked.raw and b"filename*" not in asked.raw
    assert b'name="media"' in asked.raw and b"\xff\xd8 picture" in asked.raw and b"Content-Type: image/jpeg" in asked.raw
    assert asked.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert asked.query == {"access_token": "token-1", "type": "image"}


async def test_an_upload_is_tried_again_whole(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("media/upload", {"errcode": -1, "errmsg": ""}, UPLOADED)
    assert (await media.upload(client, "file", File(b"a report", "report.pdf"))).media_id == "m1"
    assert all(b"a report" in asked.raw for asked in wecom.asked_for("media/upload"))


@pytest.mark.parametrize(
    ("kind", "file", "code"),
    [
        ("picture", File(b"123456", "a"), "bad_request"),
        ("file", File(b"12345", "a"), "bad_request"),
        ("voice", File(b"x" * ((2 << 20) + 1), "a.amr"), "too_large"),
        ("file", File(b"123456", ""), "bad_request"),
        ("file", File(b"123456", 'a"\r\nX-Evil: 1'), "bad_request"),
        ("file", File(b"123456", "\ud83d.jpg"), "bad_request"),
    ],
)
async def test_what_cannot_be_uploaded_costs_no_call(client: WecomClient, wecom: FakeWecom, kind: str, file: File, code: str) -> None:
    with pytest.raises(WecomError, match=code):
        await media.upload(client, kind, file)
    assert wecom.asked == []


async def test_a_picture_comes_down_with_its_name(client: WecomClient, wecom: FakeWecom) -> None:
    headers = {"Content-Disposition": 'attachment; filename="m1.jpg"'}
    wecom.answer("media/get", web.Response(body=b"\xff\xd8 picture", content_type="image/jpeg", headers=headers))
    got = await media.get(client, "m1")
    assert (got.data, got.content_type, got.filename) == (b"\xff\xd8 picture", "image/jpeg", "m1.jpg")


async def test_a_parents_json_or_text_file_is_a_file(client: WecomClient, wecom: FakeWecom) -> None:
    headers = {"Content-Disposition": 'attachment; filename="a.json"'}
    raw = json.dumps({"errcode": 40007}).encode()
    wecom.answer("media/get", web.Response(body=raw, content_type="application/json", headers=headers))
    assert (await media.get(client, "m1")).data == raw


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_an_error_in_place_of_a_file_is_an_error(client: WecomClient, wecom: FakeWecom, content_type: str) -> None:
    wecom.answer("media/get", web.Response(body=b'{"errcode": 40007, "errmsg": "invalid media_id"}', content_type=content_type))
    with pytest.raises(WecomError) as caught:
        await media.get(client, "m1")
    assert (caught.value.code, caught.value.permanent) == ("media_gone", True)


async def test_an_intermediarys_page_is_not_a_picture(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("media/get", b"<html>please log in</html>")
    with pytest.raises(WecomError, match="garbage_reply"):
        await media.get(client, "m1")


async def test_a_file_without_end_is_cut_off(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("media/get", web.Response(body=b"x" * ((32 << 20) + 1), content_type="video/mp4"))
    with pytest.raises(WecomError, match="too_large"):
        await media.get(client, "m1")


async def test_a_picture_whose_line_has_died_is_asked_for_again(
    wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, tokens: TokenStore
) -> None:
    # Had it waited for all the time that a file may take (6 s), its patience would be over.
    client = WecomClient(session, base_url, "ww", "a-secret", tokens, lambda: datetime.now(UTC), clock.sleep, timeout=1.0, patience=5.5)
    headers = {"Content-Disposition": 'attachment; filename="m1.jpg"'}
    wecom.answer("media/get", HANG, web.Response(body=b"\xff\xd8 picture", content_type="image/jpeg", headers=headers))
    assert (await media.get(client, "m1")).data == b"\xff\xd8 picture"
