"""A message inside an XML document, as web services post it, and the answer in one."""

import re
from xml.parsers import expat
from xml.sax.saxutils import escape

from integrations.hl7.charset import known

# An envelope, a body, a method, its parameter and some wrapping; deeper is an attack.
MAX_DEPTH, MAX_ELEMENTS = 16, 1000
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,80}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


class SoapError(ValueError):
    """The document does not hold a message where it should; `code` says what is the matter."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def message_in(document: bytes, element: str) -> str:
    """The text of the first element of this name, in whatever namespace and at whatever depth.

    Raises SoapError: bad_xml, dtd (which also ends every entity bomb), too_deep, no_message.
    """
    depth = count = 0
    inside: int | None = None
    found: list[str] = []
    done = False

    def enter(name: str, _: object) -> None:
        nonlocal depth, count, inside
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise SoapError("too_deep")
        if inside is None and not done and name.rpartition(":")[2] == element:
            inside = depth

    def leave(_: str) -> None:
        nonlocal depth, inside, done
        if inside == depth:
            inside, done = None, True
        depth -= 1

    def read(text: str) -> None:
        if inside is not None:
            found.append(text)

    def refuse(*_: object) -> None:
        raise SoapError("dtd")

    # Expat knows no Chinese charset: the document is decoded here, and read as UTF-8 whatever it declares.
    declared = _DECLARED.match(document)
    charset = known(declared[1].decode()) if declared else None
    try:
        if charset not in (None, "utf-8"):
            document = document.decode(charset or "utf-8").encode()
        parser = expat.ParserCreate("utf-8")
        parser.StartDoctypeDeclHandler = refuse
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = enter, leave, read
        parser.buffer_text = True
        parser.Parse(document, True)
    except (expat.ExpatError, UnicodeError) as err:
        raise SoapError("bad_xml") from err
    message = "".join(found).strip()
    if not message:
        raise SoapError("no_message")
    return message


def answer_with(acknowledgement: str) -> bytes:
    """A SOAP 1.1 envelope that returns this text; the line ends of HL7 are written so that no XML reader changes them."""
    text = escape(acknowledgement, {"\r": "&#13;"})
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Body>'
        f"<response><return>{text}</return></response></soap:Body></soap:Envelope>"
    ).encode()
