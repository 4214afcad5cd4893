"""Small files of every kind, and hostile ones."""

import io
import struct
import zipfile
import zlib

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 2, height: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x40\x80\xc0" * min(width, 4) for _ in range(min(height, 4))))
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int = 2, height: int = 2) -> bytes:
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + app + frame + b"\xff\xda" + bytes(8) + b"\xff\xd9"


def mp4() -> bytes:
    return struct.pack(">I", 16) + b"ftypisom" + bytes(4) + struct.pack(">I", 8) + b"moov" + bytes(16)


def pdf(inside: bytes = b"") -> bytes:
    return b"%PDF-1.4\n" + inside + b"\ntrailer\n%%EOF\n"


def docx(extra: dict[str, bytes] | None = None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>", **(extra or {})}.items():
            file.writestr(name, body)
    return packed.getvalue()
