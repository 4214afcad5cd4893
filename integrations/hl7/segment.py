"""One segment: fields, repetitions, components and subcomponents by the message's own separators, escapes resolved."""

import re
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import cache


@dataclass(frozen=True)
class Separators:
    """MSH-1 and MSH-2. Escapes with hexadecimal bytes (`\\Xdd\\`) are read in the message's charset."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    charset: str = "utf-8"
    escapes: re.Pattern[str] = attribute(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "escapes", _escapes(self.escape))

    def unescape(self, text: str) -> str:
        """The text meant. A backslash that begins no escape stays as it is: many senders do not escape at all."""
        return self.escapes.sub(self._meant, text) if self.escape in text else text

    def _meant(self, match: re.Match[str]) -> str:
        if match["hex"] is not None:
            return _bytes_meant(match[0], self.charset)
        sign = match["sign"]
        if sign is None:
            return "\n" if match["layout"].lower()[:3] in (".br", ".sp", ".ce") else ""
        return {"F": self.field, "S": self.component, "T": self.subcomponent, "R": self.repetition, "E": self.escape}.get(sign, "")


@cache
def _escapes(escape: str) -> re.Pattern[str]:
    e = re.escape(escape)
    # H and N switch highlighting, .in+4 and the like lay text out. Hexadecimal runs are taken whole: a character may need several.
    layout = r"\.(?:br|sp|ce|in|ti|sk|fi|nf)[+-]?\d{0,3}"
    return re.compile(rf"(?P<hex>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)|{e}(?:(?P<sign>[FSTREHN])|(?P<layout>(?i:{layout}))){e}")


def _bytes_meant(run: str, charset: str) -> str:
    data = bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", run))
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def separators_of(line: str, charset: str) -> Separators:
    """The separators that an MSH line declares; what it leaves out, or writes twice, is the standard's."""
    told = line[4:12].split(line[3], 1)[0]
    if told[2:4] == "\\\\":
        told = told[:3] + told[4:]  # ^~\\& is ^~\& after one escaping too many.
    standard = Separators()
    signs: list[str] = []
    for sign, usual in zip(
        told[:4].ljust(4), (standard.component, standard.repetition, standard.escape, standard.subcomponent), strict=True
    ):
        signs.append(usual if sign.isalnum() or sign.isspace() or sign in signs or sign == line[3] else sign)
    component, repetition, escape, subcomponent = signs
    return Separators(line[3], component, repetition, escape, subcomponent, charset)


class Segment:
    """Fields are counted as the standard does: 1 is the first after the name, and MSH-1 is the separator itself."""

    __slots__ = ("fields", "name", "separators")

    def __init__(self, line: str, separators: Separators) -> None:
        self.fields = line.split(separators.field)
        self.name = self.fields[0]
        self.separators = separators
        if self.name == "MSH":
            self.fields.insert(1, separators.field)

    def raw(self, number: int) -> str:
        """The field as it is written, empty where the segment is shorter."""
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> list[str]:
        """The field's repetitions as they are written, the empty ones left out."""
        raw = self.raw(number)
        return [part for part in raw.split(self.separators.repetition) if part] if raw else []

    def get(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """The first repetition's component, escapes resolved, without blanks around it; empty if there is none."""
        raw = self.raw(number)
        if not raw:
            return ""
        if self.separators.repetition in raw:
            raw = raw.split(self.separators.repetition, 1)[0]
        return self.part(raw, component, subcomponent)

    def part(self, repetition: str, component: int = 1, subcomponent: int = 1) -> str:
        """As `get`, of a repetition."""
        signs, found = self.separators, repetition
        # Most fields have one part: this is the innermost loop of everything.
        for sign, number in ((signs.component, component), (signs.subcomponent, subcomponent)):
            if sign in found:
                parts = found.split(sign, number)
                if len(parts) < number:
                    return ""
                found = parts[number - 1]
            elif number != 1:
                return ""
        if signs.escape in found:
            found = signs.unescape(found)
        return found.strip()

    def text(self, repetition: str) -> str:
        """A whole repetition, escapes resolved, without blanks around it."""
        return self.separators.unescape(repetition).strip()
