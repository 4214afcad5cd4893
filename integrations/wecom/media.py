"""Temporary media (3 days, shared by all apps of the corp) and lasting pictures for messages (doc:90253, doc:90256)."""

import re
from datetime import datetime

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError, bad_request
from integrations.wecom.reply import Reply, read
from integrations.wecom.transport import File, Media

__all__ = ["MAX_BYTES", "File", "Media", "Uploaded", "get", "upload", "uploadimg"]

MAX_BYTES = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}


class Uploaded(Reply):
    """An uploaded file. ``created_at`` is when the 3 days of ``media_id`` begin."""

    type: str
    media_id: str
    created_at: datetime


class _Image(Reply):
    url: str


async def upload(client: WecomClient, kind: str, file: File) -> Uploaded:
    """Upload ``file`` as image (≤10 MB JPG, PNG), voice (≤2 MB AMR, ≤60 s), video (≤10 MB MP4) or file (≤20 MB).

    Raises ``too_large`` and ``bad_request`` (unknown kind, 5 bytes or less, control characters in the name).
    """
    if kind not in MAX_BYTES:
        raise bad_request("kind: image, voice, video or file")
    _check(file, MAX_BYTES[kind])
    return read(Uploaded, await client.upload("media/upload", file, type=kind))


async def uploadimg(client: WecomClient, file: File) -> str:
    """Upload a picture (≤2 MB) for good; its url, which shows only inside WeCom's messages. 1000 a day for the corp."""
    _check(file, 2 << 20)
    return read(_Image, await client.upload("media/uploadimg", file)).url


async def get(client: WecomClient, media_id: str) -> Media:
    """Download a file (≤20 MB). Raises ``media_gone`` after its 3 days. The filename is the sender's: never use it as a path."""
    return await client.download(media_id)


def _check(file: File, most: int) -> None:
    if len(file.data) <= 5:
        raise bad_request("media: more than 5 bytes")
    if len(file.data) > most:
        raise WecomError("too_large", permanent=True, detail=f"media: {len(file.data)} of {most} bytes")
    # A line break in the name would end the header it stands in.
    if not file.filename or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", file.filename):
        raise bad_request("filename: empty, or with control characters")
