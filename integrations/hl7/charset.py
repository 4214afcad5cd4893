"""In which charset a message is written: what it declares counts only as far as its bytes agree.

The order (override, byte order mark, declaration, strict UTF-8, GB18030, Latin-1) read all of 387 public messages. UTF-8 comes before
GB18030 because Chinese text in GB18030 is hardly ever valid UTF-8, while UTF-8 often decodes as GB18030, to nonsense.
"""

import codecs
import re
from dataclasses import dataclass

# HL7 table 0211 and what is written in its place, without spaces and signs, in capitals.
KNOWN = {
    "ASCII": "ascii",
    "USASCII": "ascii",
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    **{name: "gb18030" for name in ("GB18030", "GB180302000", "GBK", "GB2312", "GB231280", "GB23121980", "CP936", "MS936", "WINDOWS936")},
    "BIG5": "big5hkscs",
    "CP950": "big5hkscs",
    "KSX1001": "euc_kr",
    "CP1252": "cp1252",
    "WINDOWS1252": "cp1252",
    "LATIN1": "latin-1",
    **{f"{prefix}8859{part}": f"iso8859-{part}" for prefix in ("", "ISO") for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
}
_BOM_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHINESE = re.compile("[\u2e80-\u9fff\uff00-\uffef]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_NO_SIGN = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True)
class Decoded:
    """The text, the codec that gave it, and `note`: charset_contradicts (the declaration is wrong), charset_guessed (Latin-1, as nothing
    else fits), charset_broken (the override does not fit)."""

    text: str
    charset: str
    note: str | None = None


def known(name: str) -> str | None:
    """The codec of a charset as MSH-18 or a setting names it, None if it names none."""
    return KNOWN.get(_NO_SIGN.sub("", name[:40].upper()))


def decode(data: bytes, declared: str | None = None, override: str | None = None) -> Decoded:
    """The text of one message; `declared` and `override` are codecs of `known`. Any bytes have a text; NUL is left out of it."""
    decoded = _decode(data, declared, override)
    return Decoded(decoded.text.replace("\0", ""), decoded.charset, decoded.note) if "\0" in decoded.text else decoded


def _decode(data: bytes, declared: str | None, override: str | None) -> Decoded:
    if override is not None:
        text = _strict(data, override)
        return Decoded(text, override) if text is not None else Decoded(data.decode(override, "replace"), override, "charset_broken")
    if data.startswith(codecs.BOM_UTF8):
        data, declared = data[3:], "utf-8"
    if data.isascii():
        return Decoded(data.decode("ascii"), declared if declared not in (None, "ascii") else "utf-8")
    if declared is not None:
        text = _strict(data, declared)
        if text is not None:
            return _unless_utf8(data, text, declared)
    for charset in ("utf-8", "gb18030"):
        text = _strict(data, charset)
        if text is not None:
            return Decoded(text, charset, "charset_contradicts" if declared not in (None, charset) else None)
    return Decoded(data.decode("latin-1"), "latin-1", "charset_guessed")


def _unless_utf8(data: bytes, text: str, declared: str) -> Decoded:
    """A sender may declare GB18030 or 8859/1 and write UTF-8. If what decodes as UTF-8 is mostly Chinese, it is UTF-8: pairs of
    bytes of GB18030 that are valid UTF-8 by chance give Greek or Arabic letters."""
    if declared == "utf-8" or (utf8 := _strict(data, "utf-8")) is None:
        return Decoded(text, declared)
    chinese = 2 * len(_CHINESE.findall(utf8)) > len(_BEYOND_ASCII.findall(utf8))
    single = declared.startswith(("iso8859", "latin", "cp1252"))
    return Decoded(utf8, "utf-8", "charset_contradicts") if chinese or single else Decoded(text, declared)


def without_utf16(data: bytes) -> bytes:
    """The same file in UTF-8 if it starts with UTF-16's byte order mark, so that line ends are single bytes."""
    if not data.startswith(_BOM_UTF16):
        return data
    return data.decode("utf-16", "replace").encode("utf-8", "replace")


def _strict(data: bytes, charset: str) -> str | None:
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        return None
    return text
