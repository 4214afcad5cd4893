"""Numbers of persons, under the platform's names. The same authority means other numbers in every hospital: the feed's map decides."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from integrations.event import Identifier
from integrations.hl7.segment import Segment
from integrations.hl7.timestamp import day_of

NATIONAL_ID = "national-id"

# What CX-5, or an authority that is a type in the wrong place, means where the feed's map says nothing. PI is a number of one system
# only, so it is no default.
TYPES = {
    **dict.fromkeys(("NI", "NNCHN", "身份证", "身份证号", "居民身份证", "身份证号码", "SFZ", "SFZH", "IDCARD", "IDENTIFYNO"), NATIONAL_ID),
    **dict.fromkeys(("HC", "健康卡", "居民健康卡", "电子健康卡"), "health-card"),
    **dict.fromkeys(("EMPI", "主索引", "患者主索引"), "empi"),
    **dict.fromkeys(("MR", "MRN", "病历号", "病案号", "病人号", "患者ID", "登记号"), "record-number"),
    **dict.fromkeys(("住院号", "ZYH"), "inpatient-number"),
    **dict.fromkeys(("门诊号", "MZH"), "outpatient-number"),
    **dict.fromkeys(("就诊卡", "就诊卡号", "诊疗卡", "JZK"), "visit-card"),
}
# Numbers of visits and accounts name no person.
OF_VISITS = frozenset(("VN", "AN", "ANON", "ANC", "CSN", "就诊流水号", "住院流水号", "门诊流水号"))
# WS/T 500: object identifiers of China's numberings, as authority or its universal id.
AUTHORITIES = {
    "2.16.156.10011.1.3": NATIONAL_ID,
    "2.16.156.10011.1.19": "health-card",
    "2.16.156.10011.1.12": "inpatient-number",
    "2.16.156.10011.1.11": "outpatient-number",
    "EMPI": "empi",
}
MOST, LONGEST = 20, 200
_CHINESE_ID = re.compile(r"[1-9][0-9]{16}[0-9Xx]")
# What is typed where there is no number; everybody would have it.
_NOTHING = re.compile(r"[0\W_]*|无|未知|不详|null|none|n/?a|unknown", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """Whose messages these are: the feed's name, the time zone of times without an offset, and the feed's map of numbers. Its keys are
    `authority:type`, an authority (name or universal id) or a type; its values the platform's names."""

    feed: str
    zone: tzinfo
    systems: Mapping[str, str] = field(default_factory=dict)


def identifiers(segment: Segment, number: int, source: Source) -> tuple[Identifier, ...]:
    """The numbers in a CX field. What no map knows is `feed:authority:type`, so that it is one person's within this feed only; so is what
    is called a national id and is not written like one (a passport). Whether one is right is not asked here."""
    found = []
    for raw in segment.repetitions(number)[: 5 * MOST]:
        value = segment.part(raw)
        if len(value) > LONGEST or _NOTHING.fullmatch(value):
            continue
        system = _system(value, segment.part(raw, 4), segment.part(raw, 4, 2), segment.part(raw, 5), source)
        if system is not None:
            found.append(Identifier(system, value))
    return tuple(dict.fromkeys(found))[:MOST]


def _system(value: str, authority: str, universal: str, kind: str, source: Source) -> str | None:
    for key in (f"{authority or universal}:{kind}", f"{universal}:{kind}", authority, universal, kind):
        if key and (system := source.systems.get(key)):
            return system
    # Vendors give it the type 1, 01 or none, and mean the hospital's own card by IDCard: the number itself tells.
    if looks_national(value):
        return NATIONAL_ID
    meant = AUTHORITIES.get(universal) or AUTHORITIES.get(authority.upper())
    if meant is None:
        name = (kind or authority).upper()  # 0000000001^^^MR has its type in the authority's place.
        if name in OF_VISITS:
            return None
        meant = TYPES.get(name)
    if meant == NATIONAL_ID and not _CHINESE_ID.fullmatch(value):
        meant = None
    return meant or f"{source.feed}:{authority or universal}:{kind}"


def looks_national(value: str) -> bool:
    """Whether this is a number of a resident identity card: birth date and check character are right (GB 11643-1999)."""
    if not _CHINESE_ID.fullmatch(value) or day_of(value[6:14]) is None:
        return False
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(value, weights, strict=False)) % 11] == value[17].upper()
