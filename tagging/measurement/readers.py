"""Readers of amounts by the dimension of their unit. None: not a vital; an empty list: one that was named and cannot be read."""

import re
from collections.abc import Collection
from itertools import pairwise

from tagging.measurement.amount import Amount
from tagging.measurement.pressure import read_pressure
from tagging.measurement.quantity import UNKNOWN_UNIT, Quantity
from tagging.measurement.scene import Scene
from tagging.measurement.subject import Subject

Reading = list[Quantity] | None

# Below and above these a bare number is taken for the other unit; between them it is asked (vitals.yml, guess).
GLUCOSE_MMOL, GLUCOSE_MG = 35.0, 50.0
BILIRUBIN_MG, BILIRUBIN_UMOL = 25.0, 40.0
_ENVIRONMENT_BEFORE = re.compile(
    r"(?:水|奶|汤|粥|调|设|定|恒温|外面|天气|高温|转|倾斜|角|弯|歪|左眼|右眼|眼睛|度数|开到?|纬|酒)[^，。！？]{0,3}$"
)
_ENVIRONMENT_AFTER = re.compile(r"\s*(?:的?(?:温?水|高温|天气|奶|角|热天|酒|近视|空调|斜|弯|旋转)|的天)")
_CHANGE = re.compile(
    r"(?:(?:掉|降|跌|涨|升|多|少|长|增加|减少|减|加|下降|上升|轻|瘦|胖|增重|掉秤|长秤|增长|相差|差)(?:了|大概|约|快|差不多|有|过|只|才)*"
    r"|(?:比[^，。]{0,6}|(?<![体净毛生身最]))[高低重](?:了|出)(?:大概|约|快|差不多)?|比[^，。]{0,6}[高低重])\s?$"
)
_FALL = re.compile(
    r"[从掉摔落跌滚](?:[^，。]{0,6})$"
    r"|(?:伤口|口子|肿|包|疤|距离|离|隔|床|高处|台阶|长|宽|大小|直径|囊肿|结节|结石|疝|肾|脾|肝|淋巴结)[^，。]{0,5}$"
)
_LENGTH_AFTER = re.compile(r"\s*(?:的(?!身高|个子|个头)|高的?(?:床|地方|台|处)|[长宽远厚深]|左右的|x|\*|×|外)")
_MASS_AFTER = re.compile(r"\s*(?:奶|水|米|面|肉|蛋|药|盐|糖|苹果|菜|橘|/|每|重的|的(?!体重)|酒|油|果|豆)")
_MEASURED = re.compile(r"(?:量了?|测了?|量的|测的|量是|反复|一直|降到|升到|飙到|最高|退到|到了?|针后|发烫|通红|还是|[月岁])\s?$")
_ASSUMED = {"fasting", "after_meal", "before_meal", "bedtime"}
_BARE = frozenset(
    [
        "temperature",
        "weight",
        "birth_weight",
        "height",
        "head_circumference",
        "glucose",
        "blood_ketone",
        "spo2",
        "heart_rate",
        "respiratory_rate",
        "bilirubin",
        "platelets",
        "neutrophils",
        "peak_flow",
    ]
)
_WHOLE = frozenset({"heart_rate", "respiratory_rate", "wet_diapers", "stool_count", "vomit_count", "feed_count"})


def quantity(amount: Amount, vital: str, unit: str | None = None, question: str | None = None) -> Quantity:
    """`amount` read as `vital`."""
    return Quantity(amount.start, amount.end, vital, amount.value, unit, amount.low, amount.precision, question)


def read_degrees(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Degrees: body temperature, unless the words speak of water, rooms, angles or eyes."""
    amount = scene.amount(index)
    head = scene.text[max(0, amount.start - 10) : amount.start]
    if subject and subject.vital == "none":
        return None
    named = (subject is not None and subject.vital == "temperature") or "temperature" in scene.asked
    close = subject is not None and subject.vital == "temperature" and not subject.far
    if not close and (_ENVIRONMENT_BEFORE.search(head) or _ENVIRONMENT_AFTER.match(scene.text, amount.end)):
        return None
    if _ENVIRONMENT_AFTER.match(scene.text, amount.end) and not amount.decimal:
        return None
    value = amount.value
    if not amount.sure:
        return [] if named else None
    if amount.unit == "F":
        return [quantity(amount, "temperature", "F")] if 86 <= value <= 113 else [] if named else None
    if 86 <= value <= 113:
        return [quantity(amount, "temperature", "F", f"{value:g}度是华氏度吗？")]
    if 300 <= value <= 430 and value == int(value):
        return [_tenfold(amount)] if named or scene.isolated(index) else None
    # 30度 alone is the weather; a body that cold is named.
    if (30 if named else 34) <= value <= 45.9:
        return [quantity(amount, "temperature")]
    return [] if close and value >= 1 else None


def _tenfold(amount: Amount) -> Quantity:
    return Quantity(amount.start, amount.end, "temperature", amount.value / 10, question=f"{amount.value:g}是{amount.value / 10:g}℃吗？")


def read_mass(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """A weight with its unit; what the child gained, ate or bought is none."""
    amount = scene.amount(index)
    vital = subject.vital if subject and subject.vital in ("weight", "birth_weight") else None
    before = scene.text[max(0, amount.start - 8) : amount.start]
    if (
        _CHANGE.search(before)
        or _MASS_AFTER.match(scene.text, amount.end)
        or scene.consumed(index)
        or (subject and subject.vital == "none")
    ):
        return None
    if amount.unit == "两" and (vital is None or amount.value < 10):
        return None
    if vital is None:
        vital = next((asked for asked in scene.asked if asked in ("weight", "birth_weight")), None)
    if vital is None:
        kilograms = amount.value * {"g": 0.001, "两": 0.05}.get(amount.unit or "", 1.0)
        if kilograms < (0.3 if amount.unit == "g" else 1.5) or not _introduces(scene, index):
            return None
        vital = "weight"
    if amount.unit == "g" and amount.value < 300:
        return None
    if not amount.sure:
        return []
    return [quantity(amount, vital, amount.unit)]


def _introduces(scene: Scene, index: int) -> bool:
    """Whether what stands before an unnamed weight or height lets it be the child's: nothing, the child, a time, an age, a height."""
    if index == 0:
        return scene.tokens[0].start == 0
    previous = scene.tokens[index - 1]
    if previous.end != scene.tokens[index].start:
        return False
    if previous.kind in ("weak", "strong", "moment") or previous.roles.person:
        return True
    if previous.amount is not None:
        return previous.amount.dimension in ("time", "length", "mass")
    return previous.roles.filler and not previous.roles.count and (index == 1 or _introduces(scene, index - 1))


def read_length(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Height or head circumference; distances, falls and wounds are neither."""
    amount = scene.amount(index)
    vital = subject.vital if subject else None
    if vital == "none" or _LENGTH_AFTER.match(scene.text, amount.end):
        return None
    if vital not in ("height", "head_circumference"):
        vital = next((asked for asked in scene.asked if asked in ("height", "head_circumference")), None)
    before = scene.text[max(0, amount.start - 10) : amount.start]
    if _CHANGE.search(before):
        return None
    if vital is None:
        if _FALL.search(before) or not _introduces(scene, index) or not 40 <= amount.value <= 200:
            return None
        # 1米 alone may be a distance; 1米2 and 92公分 are heights.
        if (
            scene.text[amount.start : amount.end].rstrip().endswith(("米", "m"))
            and not amount.decimal
            and "厘" not in scene.text[amount.start : amount.end]
            and "c" not in scene.text[amount.start : amount.end]
        ):
            return None
        vital = "height"
    value = amount.value * 33.333 if amount.unit == "尺" else amount.value
    return [Quantity(amount.start, amount.end, vital, round(value, 2), "cm", amount.low, amount.precision)] if amount.sure else []


def read_substance(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """mmol/L, mg/dL, µmol/L: glucose, ketones or bilirubin, by what is named."""
    amount = scene.amount(index)
    named = _named_or_asked(scene, index, subject, ("glucose", "blood_ketone", "bilirubin"))
    if named is None:
        if subject is not None or amount.unit != "mmol/L" or not scene.isolated(index):
            return None
        named = "glucose"
    if _CHANGE.search(scene.text[max(0, amount.start - 8) : amount.start]):
        return None
    if not amount.sure or (amount.unit == "umol/L") != (named == "bilirubin" and amount.unit != "mg/dL"):
        return []
    if named == "blood_ketone" and amount.unit == "mg/dL":
        return []
    return [quantity(amount, named, amount.unit)]


def read_percent(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Oxygen saturation, or peak flow in per cent of the personal best."""
    amount = scene.amount(index)
    named = _named_or_asked(scene, index, subject, ("spo2", "peak_flow"))
    if named is None or _CHANGE.search(scene.text[max(0, amount.start - 8) : amount.start]):
        return None
    return [quantity(amount, named, "%" if named == "peak_flow" else None)] if amount.sure else []


def read_cells(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Counts of cells per litre."""
    amount = scene.amount(index)
    named = _named_or_asked(scene, index, subject, ("platelets", "neutrophils"))
    if (
        named is None
        or (amount.unit == "万" and named != "platelets")
        or _CHANGE.search(scene.text[max(0, amount.start - 8) : amount.start])
    ):
        return None
    return [quantity(amount, named, "万" if amount.unit == "万" else None)] if amount.sure else []


def read_flow(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Litres a minute of a peak flow meter; those of oxygen are none."""
    amount = scene.amount(index)
    named = _named_or_asked(scene, index, subject, ("peak_flow",))
    return [quantity(amount, named)] if named and amount.sure else None


def read_score(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """A pain score."""
    amount = scene.amount(index)
    named = _named_or_asked(scene, index, subject, ("pain",))
    return [quantity(amount, named)] if named and amount.sure else None


def read_urine(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Millilitres per kilogram and hour."""
    amount = scene.amount(index)
    before = scene.text[max(0, amount.start - 10) : amount.start]
    return [quantity(amount, "urine_output")] if amount.sure and "尿" in before else None


def _named_or_asked(scene: Scene, index: int, subject: Subject | None, vitals: Collection[str]) -> str | None:
    """The one of `vitals` that is named before the number, directly after it, or was asked for."""
    if subject is not None and subject.vital in vitals:
        return subject.vital
    after = scene.tokens[index + 1] if index + 1 < len(scene.tokens) else None
    if after is not None and after.roles.vital in vitals and re.fullmatch(r"\s?个?的?", scene.text[scene.tokens[index].end : after.start]):
        return after.roles.vital
    if subject is not None and not subject.far:
        return None
    return next((asked for asked in scene.asked if asked in vitals), None)


def read_bare(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """A number without a unit: what was named, what was asked for, or a body temperature that says so by itself."""
    pressure = read_pressure(scene, index, subject)
    if pressure is not None:
        return pressure
    amount = scene.amount(index)
    if subject is not None and subject.vital == "none":
        return None
    after = _named_or_asked(scene, index, None, ("glucose",)) if not scene.asked else None
    if after and amount.sure:
        return [_substance(amount, after)]
    if subject is not None and subject.vital in _BARE:
        read = _read_named(scene, index, subject)
        if read is not None or not subject.far:
            return read
    if subject is None or subject.far or subject.vital in ("temperature", "pain"):
        asked = _read_asked(scene, index)
        if asked is not None:
            return asked
        assumed = _read_meal(scene, index)
        return assumed if assumed is not None else _read_alone(scene, index)
    return None


def _read_named(scene: Scene, index: int, subject: Subject) -> Reading:
    amount = scene.amount(index)
    if amount.han and amount.digits == 1:
        return None
    vital = subject.vital
    if not scene.ends_free(index) or scene.consumed(index):
        return None
    if _CHANGE.search(scene.text[max(0, amount.start - 6) : amount.start]) and vital != "temperature":
        return None
    strict = not subject.far and subject.unknown <= 4
    if not amount.sure:
        return [] if strict else None
    return _bare_as(amount, vital, strict=strict)


def _bare_as(amount: Amount, vital: str, *, strict: bool) -> Reading:
    """A bare number as `vital`; with `strict` one that makes no sense is asked about."""
    value = amount.value
    if vital == "temperature":
        loose = amount.loose
        if loose and 34 <= loose[0] < 44:
            return [Quantity(amount.start, loose[1], vital, loose[0], None, None, amount.precision)]
        if 300 <= value <= 430 and value == int(value):
            return [_tenfold(amount)]
        if 90 <= value <= 110 and amount.low is None:
            return [quantity(amount, vital, "F", f"{value:g}是华氏度吗？")]
        if 30 <= value <= 45.9:
            return [quantity(amount, vital)]
        return [] if strict and (amount.decimal or amount.precision == "exact") and not (value == 120 or value < 3) else None
    if amount.loose and vital in ("glucose", "blood_ketone", "bilirubin", "weight", "birth_weight", "neutrophils", "head_circumference"):
        amount = Amount(amount.start, amount.loose[1], amount.loose[0], decimal=True, precision=amount.precision)
    if vital in ("weight", "birth_weight"):
        return [quantity(amount, vital, UNKNOWN_UNIT)]
    if vital in ("glucose", "bilirubin"):
        return [_substance(amount, vital)]
    if vital in _WHOLE and amount.decimal:
        return [] if strict else None
    return [quantity(amount, vital)]


def _substance(amount: Amount, vital: str) -> Quantity:
    """Sugar or bilirubin without a unit: its size tells it, or it is asked."""
    value = amount.value
    if vital == "glucose":
        if value <= GLUCOSE_MMOL:
            return quantity(amount, vital)
        return quantity(amount, vital, "mg/dL", None if value > GLUCOSE_MG else f"血糖{value:g}是 mg/dL 吗？")
    if value <= BILIRUBIN_MG:
        return quantity(amount, vital)
    return quantity(amount, vital, "umol/L", None if value > BILIRUBIN_UMOL else f"黄疸值{value:g}是 mg/dL 还是 μmol/L？")


def _read_asked(scene: Scene, index: int) -> Reading:
    """The answer to the line before."""
    amount = scene.amount(index)
    if not scene.asked or not (scene.isolated(index) or _leads(scene, index)):
        return None
    if not amount.sure:
        return []
    vitals = [vital for vital in scene.asked if vital in _BARE or vital in _WHOLE or vital == "feed_volume"]
    if not vitals or scene.asked[0] == "pain":
        return [quantity(amount, "pain")] if scene.asked[0] == "pain" else None
    if amount.han and amount.digits == 1 and not scene.isolated(index):
        return None
    if len(vitals) > 1:
        # Which of several was meant, only a typical size can tell.
        if "temperature" in vitals and 34 <= (amount.loose or (amount.value,))[0] <= 43 and (amount.decimal or amount.loose):
            return _bare_as(amount, "temperature", strict=True)
        return []
    return _bare_as(amount, vitals[0], strict=True)


def _leads(scene: Scene, index: int) -> bool:
    """Whether the number opens the message (38.5，刚吃了药), at most after fillers."""
    if index > 6 or not scene.ends_free(index) or scene.consumed(index):
        return False
    tokens = scene.tokens[: index + 1]
    inner = sum(b.start - a.end for a, b in pairwise(tokens)) + tokens[0].start
    return inner <= 1 and not any(token.roles.vital or token.roles.count or token.roles.idiom or token.amount for token in tokens[:-1])


def _read_meal(scene: Scene, index: int) -> Reading:
    """空腹5.6: sugar, where a meal is named directly before a decimal of that size."""
    amount = scene.amount(index)
    place = index - 1
    while place >= 0 and scene.tokens[place].roles.filler and scene.adjacent(place, index):
        place -= 1
    if place < 0 or scene.tokens[place].roles.condition not in _ASSUMED or not scene.adjacent(place, index):
        return None
    return [quantity(amount, "glucose")] if amount.decimal and amount.sure and 1.1 <= amount.value <= 33.3 else None


def _read_alone(scene: Scene, index: int) -> Reading:
    """A decimal of the size of a body temperature, or a whole number that was measured, with no other topic around it."""
    amount = scene.amount(index)
    if not amount.sure or not scene.stands_free(index) or scene.asked:
        return None
    low = amount.low if amount.low is not None else amount.value
    if amount.loose and 35 <= amount.loose[0] <= 42.5:
        digits = scene.text[amount.start : amount.loose[1]]
        if (
            len(digits) == len(scene.text.strip())
            or (scene.isolated(index) and "." not in digits and len(scene.text) <= 12)
            or _MEASURED.search(scene.text, max(0, amount.start - 4), amount.start)
        ):
            return [Quantity(amount.start, amount.loose[1], "temperature", amount.loose[0], None, None, amount.precision)]
        return None
    if not low >= 35 or not amount.value <= 42.9:
        return None
    if amount.decimal or (amount.halves and amount.halves[0].decimal):
        return [quantity(amount, "temperature")] if _fever_like(scene, index) else None
    before = scene.text[max(0, amount.start - 6) : amount.start]
    if low >= 36 and (
        (_MEASURED.search(before) and amount.precision != "exact")
        or re.search(r"(?:量|测|量了|测了|量的|测的|降到|升到|飙到|退到)\s?$", before)
    ):
        return [quantity(amount, "temperature")]
    return None


def _fever_like(scene: Scene, index: int) -> bool:
    """Whether the token before a bare decimal may introduce a temperature: start, child, time, filler, mark, site, another amount."""
    if index == 0:
        return True
    previous = scene.tokens[index - 1]
    if previous.end != scene.tokens[index].start:
        return scene.text[scene.tokens[index].start - 1] == " "
    if previous.kind in ("moment", "strong", "link") or previous.roles.person or previous.roles.site or previous.roles.condition:
        return True
    if previous.amount is not None:
        return previous.amount.dimension in ("time", None)
    if previous.kind == "weak":
        return previous.text not in ("：", ":") or index == 1 or _fever_like(scene, index - 1)
    return previous.roles.filler and not previous.roles.vital
