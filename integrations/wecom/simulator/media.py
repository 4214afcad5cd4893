"""Temporary media and permanent images: media/upload, media/uploadimg, media/get, and the customer's own files."""

import hashlib
import re
from typing import Any

from aiohttp import BodyPartReader, web

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Media

LIFETIME = 3 * 86400.0
# Upload limits in bytes; every file must be longer than 5 bytes.
LIMITS = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}
IMAGE_URL_LIMIT = 2 << 20
WHOLE_LIMIT = 20 << 20
_READ_LIMIT = 100 << 20


async def read_upload(request: web.Request) -> tuple[str, str, str, bytes]:
    """File name, raw Content-Disposition, content type and bytes of the part `media`; raises 44001 if there is none."""
    if not (request.content_type or "").startswith("multipart/"):
        raise ApiError(44001)
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "media":
                data = bytearray()
                while chunk := await part.read_chunk(1 << 16):
                    data += chunk
                    if len(data) > _READ_LIMIT:
                        raise ApiError(45001)
                disposition = part.headers.get("Content-Disposition", "")
                kind = part.headers.get("Content-Type", "application/octet-stream")
                return part.filename or "", disposition, kind, bytes(part.decode(data))
    except ValueError:
        raise ApiError(44001) from None
    raise ApiError(44001)


async def upload(call: Call) -> dict[str, Any]:
    """A temporary file, good for three days in every app of the corp."""
    media_type = call.query.get("type", "")
    if media_type not in LIMITS:
        raise ApiError(40005)
    filename, disposition, kind, data = await read_upload(call.request)
    _check_file(call.sim, media_type, filename, disposition, data)
    media = keep(call.sim, media_type, filename, kind, data)
    return {"errmsg": "", "type": media_type, "media_id": media.media_id, "created_at": str(int(media.at))}


def _check_file(sim: Simulator, media_type: str, filename: str, disposition: str, data: bytes) -> None:
    if not filename or (sim.switches.reject_encoded_filenames and re.search(r"filename\*\d*\*?=", disposition)):
        raise ApiError(44001)
    if len(data) <= 5:
        raise ApiError(40006)
    if len(data) > LIMITS[media_type]:
        raise ApiError(45001)
    if sim.switches.check_media:
        if media_type == "image" and not is_image(data):
            raise ApiError(40123)
        if (media_type == "voice" and not data.startswith(b"#!AMR")) or (media_type == "video" and data[4:8] != b"ftyp"):
            raise ApiError(40004)


def is_image(data: bytes) -> bool:
    """Whether the bytes begin as a JPG or PNG does."""
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def keep(sim: Simulator, media_type: str, filename: str, content_type: str, data: bytes) -> Media:
    """Store a file."""
    media = Media(sim.new_id("", 64), media_type, filename, content_type, sim.now, data)
    sim.world.media[media.media_id] = media
    return media


def living(sim: Simulator, media_id: str) -> Media | None:
    """A file that is not older than three days."""
    media = sim.world.media.get(media_id)
    return media if media and sim.now - media.at < LIFETIME else None


async def uploadimg(call: Call) -> dict[str, Any]:
    """A permanent image URL, at most 1000 a day."""
    if not call.sim.windows.hit("uploadimg", limit=1000, seconds=86400, now=call.sim.now):
        raise ApiError(45009)
    filename, disposition, _, data = await read_upload(call.request)
    if not 5 < len(data) <= IMAGE_URL_LIMIT:
        raise ApiError(40009 if len(data) > 5 else 40006)
    _check_file(call.sim, "image", filename, disposition, data)
    digest = hashlib.sha256(data).hexdigest()[:40]
    url = f"https://wework.qpic.cn/wwpic/{digest}/0"
    call.sim.world.images[url] = digest
    return {"errmsg": "", "url": url}


def get(call: Call) -> web.Response:
    """The file's bytes; an error is JSON with HTTP 200."""
    media_id = call.query.get("media_id", "")
    if not media_id:
        raise ApiError(41006)
    media = living(call.sim, media_id)
    if media is None:
        raise ApiError(40007)
    wanted = call.request.http_range
    if len(media.data) > WHOLE_LIMIT and wanted.start is None:
        raise ApiError(830002)
    return file_response(media, wanted if wanted.start is not None else None)


def file_response(media: Media, wanted: slice | None = None) -> web.Response:
    """A file as an HTTP answer, whole or in part."""
    name = media.filename.replace("\r", "").replace("\n", "").replace('"', "")
    headers = {"Content-Type": media.content_type, "Content-Disposition": f'attachment; filename="{name}"'}
    if wanted is None:
        return web.Response(body=media.data, headers=headers)
    start, stop, _ = wanted.indices(len(media.data))
    headers["Content-Range"] = f"bytes {start}-{max(start, stop) - 1}/{len(media.data)}"
    return web.Response(status=206, body=media.data[start:stop], headers=headers)


ENDPOINTS: dict[str, Endpoint] = {
    "media/upload": Endpoint(upload, reads_body=False),
    "media/uploadimg": Endpoint(uploadimg, reads_body=False),
    "media/get": Endpoint(get, methods=("GET",), reads_body=False),
    "media/get/jssdk": Endpoint(get, methods=("GET",), reads_body=False),
}
