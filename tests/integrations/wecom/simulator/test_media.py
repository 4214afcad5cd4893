"""Media: types, sizes, three days, errors as JSON, files of customers."""

import aiohttp
import pytest

ACCOUNT = "wkSimulatedChildrensHospital01"
PNG = b"\x89PNG\r\n\x1a\n"
AMR = b"#!AMR\n"
MP4 = b"\x00\x00\x00\x18ftypmp42"


async def download(corp, media_id, **headers):
    params = {"access_token": await corp.token(), "media_id": media_id}
    async with await corp.raw("GET", "media/get", params=params, headers=headers) as reply:
        assert reply.status in (200, 206)
        return reply.content_type, await reply.read()


async def customer_file(corp, data, media_type="image"):
    form = aiohttp.FormData()
    form.add_field("media", data, filename="a.bin", content_type="image/png")
    async with corp.http.post(f"{corp.url}/sim/media", params={"type": media_type}, data=form) as reply:
        return (await reply.json())["media_id"]


async def test_a_file_lives_three_days(corp, png):
    made = await corp.upload(png, filename="化验单.png")
    assert (made["errcode"], made["type"], isinstance(made["created_at"], str)) == (0, "image", True)
    assert (await download(corp, made["media_id"]))[1] == png
    await corp.pass_time(3 * 86400 + 1)
    kind, body = await download(corp, made["media_id"])
    assert kind == "application/json"
    assert b"40007" in body
    mother = await corp.family()
    await mother.says("在吗")
    image = {"touser": mother.id, "open_kfid": ACCOUNT, "msgtype": "image", "image": {"media_id": made["media_id"]}}
    await corp.call("kf/send_msg", image, errcode=40007)


@pytest.mark.parametrize(
    ("media_type", "data", "errcode"),
    [
        ("image", PNG + bytes(10), 0),
        ("image", b"\xff\xd8\xff" + bytes(10), 0),
        ("image", b"GIF89a" + bytes(10), 40123),
        ("image", PNG + bytes(10 << 20), 45001),
        ("image", b"12345", 40006),
        ("voice", AMR + bytes(10), 0),
        ("voice", b"ID3" + bytes(10), 40004),
        ("voice", AMR + bytes(2 << 20), 45001),
        ("video", MP4 + bytes(10), 0),
        ("video", bytes(20), 40004),
        ("file", b"%PDF-1.7", 0),
        ("file", bytes((20 << 20) + 1), 45001),
        ("audio", AMR, 40005),
    ],
)
async def test_types_and_sizes(corp, media_type, data, errcode):
    assert (await corp.upload(data, media_type))["errcode"] == errcode


async def test_a_file_needs_a_name_and_a_field(corp, png):
    params = {"access_token": await corp.token(), "type": "image"}
    encoded = (
        b"--b\r\nContent-Disposition: form-data; name=\"media\"; filename*=utf-8''%E5%8C%96.png\r\n"
        b"Content-Type: image/png\r\n\r\n" + png + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for more in ({"data": encoded, "headers": headers}, {"data": b"x"}, {"data": {"other": b"x"}}):
        async with await corp.raw("POST", "media/upload", params=params, **more) as reply:
            assert (await reply.json())["errcode"] == 44001


async def test_the_wrong_kind_of_file_cannot_be_sent(corp, png):
    picture = (await corp.upload(png))["media_id"]
    mother = await corp.family()
    await mother.says("在吗")
    body = {"touser": mother.id, "open_kfid": ACCOUNT}
    await corp.call("kf/send_msg", {**body, "msgtype": "voice", "voice": {"media_id": picture}}, errcode=40007)
    await corp.call("kf/send_msg", {**body, "msgtype": "image", "image": {"media_id": picture}})
    link = {"title": "复诊须知", "desc": "长" * 300, "url": "https://a.cn", "thumb_media_id": picture}
    await corp.call("kf/send_msg", {**body, "msgtype": "link", "link": link})
    assert len((await mother.chat())["messages"][-1]["link"]["desc"].encode()) <= 512


async def test_a_customers_picture_can_be_fetched(corp):
    media_id = await customer_file(corp, PNG + bytes(100))
    mother = await corp.family()
    await mother.does("say", msgtype="image", image={"media_id": media_id})
    (item,) = await corp.pull()
    assert item["image"] == {"media_id": media_id}
    assert (await download(corp, media_id))[1] == PNG + bytes(100)
    async with corp.http.get(f"{corp.url}/sim/media/{media_id}") as reply:
        assert await reply.read() == PNG + bytes(100)


@pytest.mark.parametrize(("media_type", "size"), [("image", 2 << 20), ("voice", 2 << 20), ("video", 10 << 20), ("file", 20 << 20)])
async def test_a_file_too_large_for_kf_arrives_as_a_notice(corp, media_type, size):
    mother = await corp.family()
    for data in (bytes(size), bytes(size + 1)):
        media_id = await customer_file(corp, data, media_type)
        await mother.does("say", msgtype=media_type, **{media_type: {"media_id": media_id}})
    assert [item["msgtype"] for item in await corp.pull()] == [media_type, "text"]


async def test_very_large_files_come_in_parts(corp):
    media_id = await customer_file(corp, bytes(20 << 20) + b"tail!", "video")
    assert b"830002" in (await download(corp, media_id))[1]
    assert (await download(corp, media_id, Range=f"bytes={20 << 20}-"))[1] == b"tail!"


async def test_a_permanent_image(corp, png):
    form = aiohttp.FormData()
    form.add_field("media", png, filename="a.png")
    async with await corp.raw("POST", "media/uploadimg", params={"access_token": await corp.token()}, data=form) as reply:
        assert (await reply.json())["url"].startswith("https://")
