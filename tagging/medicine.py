"""Medicines named in a message, with the dose as typed: a list of names (data/medicines.yml) and forms of medicine. No advice."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from tagging.folder import read_yaml
from tagging.numeral import HAN
from tagging.text import REACH, fold

FILE = Path(__file__).parent / "data" / "medicines.yml"
SUBSTANCES = Path(__file__).parent / "data" / "substances.yml"
# Nobody names more in one message; what follows in a hostile text is not looked at.
MOST = 300
# Characters that stand before a name, not in it.
_NOT_IN_NAME = (
    r"的了吃喝用服给开加和跟与同是有这那上还再又就只没不来去要买过着把配打输拿换停个点些种说叫做到可以能会他她我你包袋粒瓶盒支"
    r"，。、；：！？,.;:!? 一二三四五六七八九十半两几0-9a-z\W"
)
_NO_MEDICINE = re.compile("疫苗|尿|照片|图片|胸片|奶粉|面霜|果|蛋白粉")
_DOSE = rf"(?:\d+(?:\.\d+)?|{HAN}|半)\s*(?:毫升|ml|毫克|mg|片|粒|颗|袋|包|滴|支|喷|单位|g|克|万单位)"
_DOSE_BEFORE = re.compile(rf"({_DOSE})(?:的)?$")
_DOSE_AFTER = re.compile(rf"[^，。！？;；]{{0,4}}?({_DOSE})")


@dataclass(frozen=True)
class MedicineMention:
    """A medicine: offsets and text as typed, and the dose next to it as typed (5毫升); whether it is used, denied or asked about.

    `generic`, `drug_class` and `atc` are those of substances.yml where the name is known.
    """

    start: int
    end: int
    text: str
    dose: str | None
    status: Literal["present", "absent", "asked"] = "present"
    generic: str | None = None
    drug_class: str | None = None
    atc: str | None = None


@dataclass(frozen=True)
class Substance:
    """One entry of substances.yml."""

    generic: str
    drug_class: str
    atc: str | None


_ASKED = re.compile(
    r"[?？吗嘛]|怎么|如果|要是|的话|万一|打算|什么|啥|多少|能不能|要不要|可不可以|需不需要|该不该|是不是|行不行|如何|几(?:次|毫升|ml|片|粒|袋|包|滴|颗|支|勺)|(?<![好前这那])几天|多久"
)
_DENIED_AFTER = re.compile(r"[^，。]{0,6}(?:没有?|忘[了记]?)(?:给|再|让)?[他她它]?(?:吃|用|喝|服|喂)")
_DENIED = re.compile(
    r"(?:没有?|未|不(?:要|想|肯|敢|再|能|是)?|停了?|别|忘[了记]?)(?:给|再|怎么|他|她|孩子|宝宝|有)?"
    r"(?:吃|用|喝|服|喂|打|买|开|记)?(?:过|了)?(?:任何|什么|这个|那个)?$"
)


@cache
def _substances() -> tuple[re.Pattern[str], dict[str, Substance]]:
    """A pattern of all names, longest first, and the substance of each."""
    raw = read_yaml(SUBSTANCES)
    known = {
        word: Substance(generic, entry["class"], entry.get("atc"))
        for generic, entry in raw.items()
        for word in (generic.lower(), *entry["say"])
    }
    return re.compile("|".join(re.escape(word) for word in sorted(known, key=len, reverse=True))), known


@cache
def _name() -> re.Pattern[str]:
    """A listed name with its form; a kind of medicine; or any longer word that ends like one."""
    raw: dict[str, list[str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    names, forms, purposes = ("|".join(raw[key]) for key in ("names", "forms", "purposes"))
    names = f"{_substances()[0].pattern}|{names}"
    listed = rf"(?:小儿|儿童|复方|盐酸|硫酸|枸橼酸|注射用)?(?:{names})(?:[^{_NOT_IN_NAME}]{{0,5}}(?:{forms}|活?菌[散片]|[散片](?!子)))?"
    kind = rf"(?:{purposes})的?(?:药水|药膏|药片|药|糖浆|冲剂|颗粒|栓|贴|针)|中药|西药|中成药|药膏|药水|维生素[a-e]"
    # 片, 散 and 丸 end other words too and need a longer name before them.
    unlisted = rf"[^{_NOT_IN_NAME}]{{2,10}}(?:{forms})|[^{_NOT_IN_NAME}]{{3,8}}(?:[散丸]|(?<![照尿图胸拍唱名刀卡切相贴])片(?!子))"
    return re.compile(f"{listed}|{kind}|{unlisted}")


def find_medicines(text: str) -> list[MedicineMention]:
    """The medicines of the list named in `text`, in order, at most MOST."""
    folded = fold(text)
    found: list[MedicineMention] = []
    for match in _name().finditer(folded):
        if len(found) == MOST:
            break
        alone = folded[max(0, match.start() - 1) : match.start()] + folded[match.end() : match.end() + 1]
        if (match.group() == "ad" and re.search(r"[a-z]", alone)) or _NO_MEDICINE.search(match.group()):
            continue
        dose = _DOSE_BEFORE.search(folded, max(0, match.start() - 10), match.start()) or _DOSE_AFTER.match(folded, match.end())
        mention = text[match.start() : match.end()]
        pattern, known = _substances()
        named = pattern.search(match.group())
        substance = known[named.group()] if named else Substance("", "", None)
        found.append(
            MedicineMention(
                match.start(),
                match.end(),
                mention,
                dose[1] if dose else None,
                _status(folded, match),
                substance.generic or None,
                substance.drug_class or None,
                substance.atc,
            )
        )
    return found


def find_listed(folded: str) -> list[tuple[int, int, str, str]]:
    """The medicines of the list in folded text: start, end, generic name and class. Nothing is judged, and no form or dose read."""
    pattern, known = _substances()
    return [(*match.span(), known[match.group()].generic, known[match.group()].drug_class) for match in pattern.finditer(folded)]


def names_only(medicines: Iterable[MedicineMention]) -> list[tuple[int, int]]:
    """The places (start, end) of medicines whose words are a mere name: 感冒灵, not 咳嗽的药, which still tells a cough."""
    return [(medicine.start, medicine.end) for medicine in medicines if "的" not in medicine.text]


def _status(folded: str, match: re.Match[str]) -> Literal["present", "absent", "asked"]:
    before = re.split(r"[，。！？!?,;；]", folded[max(0, match.start() - REACH) : match.start()])[-1]
    clause = before + match.group() + re.split(r"(?<=[？?])|[，。！!,;；]", folded[match.end() : match.end() + REACH])[0]
    if _ASKED.search(clause):
        return "asked"
    after = clause[len(before) + len(match.group()) :]
    return "absent" if _DENIED.search(before) or _DENIED_AFTER.match(after) else "present"
