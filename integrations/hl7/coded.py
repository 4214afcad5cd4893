"""A code with its text, as every kind of segment writes it."""

from integrations.event import Coded
from integrations.hl7.segment import Segment


def coded(segment: Segment, number: int) -> Coded:
    """The first repetition of a CE or CWE field; the alternate code where there is no other, the original text where there is no text."""
    code, text, system = (segment.get(number, part) or None for part in (1, 2, 3))
    if code is None and text is None:
        code, text, system = (segment.get(number, part) or None for part in (4, 5, 6))
    return Coded(code, text or segment.get(number, 9) or None, system)


def told(code: Coded) -> bool:
    """Whether there is a code or a text at all."""
    return bool(code.code or code.text)


def words(segment: Segment, number: int) -> str | None:
    """What a person would read: the text, else the code."""
    return segment.get(number, 2) or segment.get(number) or None
