"""Pictures, videos and files in contents: what may be uploaded, judged by their bytes and not by their names.

Sizes and kinds are those of WeCom's temporary media (wecom-api §6).
"""

import hashlib
import io
import re
import struct
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import Literal

from plans.content.words import ContentRefused, say, table

MediaKind = Literal["image", "video", "file"]
MAX_BYTES: dict[str, int] = {"image": 10 << 20, "video": 10 << 20, "file": 20 << 20}
# WeCom takes nothing smaller.
MIN_BYTES = 6
# A picture of more pixels makes an old phone run out of memory, however small its file is.
MAX_PIXELS = 40_000_000
# An office document unpacks to some tens of times its size; a bomb to thousands.
MAX_UNPACKED, MAX_RATIO, MAX_ENTRIES = 200 << 20, 200, 3000
_NAME = re.compile(r"[\w\-. ()（）【】、，·&+]{1,100}")
_EXTENSIONS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_OFFICE = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}


class MediaRefused(ContentRefused):
    """A file that cannot be part of a content; the text says why (words.yml `media`)."""

    def __init__(self, code: str, /, **values: object) -> None:
        super(ContentRefused, self).__init__(say(f"media.{code}", **values))
        self.code = f"media_{code}"


@dataclass(frozen=True)
class CheckedMedia:
    """A file that may be kept and sent."""

    sha256: str
    kind: MediaKind
    mime: str
    name: str
    data: bytes


def check_media(name: str, data: bytes) -> CheckedMedia:
    """Judge a file. Raises MediaRefused: a name with paths or hidden characters, an unknown kind, one that is not what its name says, too
    large, broken, packed to burst, with macros or a password."""
    name = unicodedata.normalize("NFC", name)
    extension = name.rpartition(".")[2].lower()
    if not _NAME.fullmatch(name) or name.startswith(".") or ".." in name or len(name.encode()) > 120:
        # What is shown of a hostile name is harmless.
        raise MediaRefused("name", name=re.sub(r"[^\w\-.]", "□", name)[:40])
    if len(data) < MIN_BYTES:
        raise MediaRefused("empty", name=name)
    if extension not in _EXTENSIONS:
        raise MediaRefused("kind", name=name)
    found = _kind_of(name, data)
    if found is None:
        raise MediaRefused("kind", name=name)
    if _EXTENSIONS[found] != _EXTENSIONS[extension]:
        raise MediaRefused("mismatch", name=name, found=found.upper())
    mime = _EXTENSIONS[found]
    kind: MediaKind = "image" if mime.startswith("image/") else "video" if mime == "video/mp4" else "file"
    if len(data) > MAX_BYTES[kind]:
        size, most = f"{len(data) / (1 << 20):.1f}", MAX_BYTES[kind] >> 20
        raise MediaRefused("large", name=name, size=size, kind=table("media_kinds")[kind], most=most)
    return CheckedMedia(hashlib.sha256(data).hexdigest(), kind, mime, name, data)


def kind_wanted(block: str) -> MediaKind:
    """What kind of file stands in a block of this kind: a card shows a picture."""
    return {"video": "video", "file": "file"}.get(block, "image")  # type: ignore[return-value]


def misplaced(block: str, file: str, found: str) -> str | None:
    """Why `file`, which is of the kind `found`, cannot stand in such a block; None where it can."""
    wanted, kinds = kind_wanted(block), table("media_kinds")
    return say("wrong.media_kind", wanted=kinds[wanted], file=file, found=kinds[found]) if found != wanted else None


def _kind_of(name: str, data: bytes) -> str | None:
    """The extension that the bytes deserve."""
    if data.startswith(b"\xff\xd8\xff"):
        return _pixels(name, _jpeg_size(data), "jpg")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pixels(name, _png_size(data), "png")
    if data[4:8] == b"ftyp":
        if b"moov" not in data:
            raise MediaRefused("broken", name=name)
        return "mp4"
    if data.startswith(b"%PDF-"):
        if b"%%EOF" not in data[-2048:]:
            raise MediaRefused("broken", name=name)
        if b"/Encrypt" in data:
            raise MediaRefused("encrypted", name=name)
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        return _office(name, data)
    return None


def _pixels(name: str, size: tuple[int, int] | None, extension: str) -> str:
    if size is None or 0 in size:
        raise MediaRefused("broken", name=name)
    if size[0] * size[1] > MAX_PIXELS:
        raise MediaRefused("pixels", name=name, width=size[0], height=size[1])
    return extension


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 33 or data[12:16] != b"IHDR" or b"IEND" not in data[-16:]:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the frame header (ISO/IEC 10918-1, B.2.2)."""
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        elif marker in (0x01, *range(0xD0, 0xD9)):
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _office(name: str, data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as err:
        raise MediaRefused("broken", name=name) from err
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * len(data):
        raise MediaRefused("bomb", name=name)
    names = {entry.filename for entry in entries}
    if any(each.startswith("/") or ".." in each.split("/") or each.lower().endswith((".zip", ".exe", ".7z", ".rar")) for each in names):
        raise MediaRefused("bomb", name=name)
    if any(each.lower().endswith("vbaproject.bin") for each in names):
        raise MediaRefused("macro", name=name)
    if any(entry.flag_bits & 1 for entry in entries):
        raise MediaRefused("encrypted", name=name)
    return next((extension for part, extension in _OFFICE.items() if part in names), None)
