"""Readers of amounts by the dimension of their unit. None: not a vital; an empty list: one that was named and cannot be read."""

import re
from collections.abc import Collection

from tagging.measurement.amount import Amount
from tagging.measurement.quantity import Quantity
from tagging.measurement.scene import Scene, leads_to_amount
from tagging.measurement.subject import Subject
from tagging.numeral import parse_numeral

Reading = list[Quantity] | None

_ENVIRONMENT_BEFORE = re.compile(
    r"(?:水|奶|汤|粥|调|设|定|恒温|外[面头边]|室外|户外|院子|车[里内]|天气|高温|转|倾斜|角|弯|歪|左眼|右眼|眼睛|度数|开到?|纬|酒)[^，。！？]{0,3}$"
)
_HEATED = re.compile(r"(?:水|奶|汤|油|粥)(?:太|有点|还|是|都)?(?:烧|热|煮|温|晾|凉|泡|烫)[^。！？]{0,6}$")
# 洗澡水多少度合适，38度行吗
_OF_WATER = re.compile(r"(?:洗澡水|水温|奶温|室温|冲奶|泡奶|泡澡|洗澡|空调)[^。！]{0,8}(?:多少度?|几度)[^。！]{0,8}$")
_ENVIRONMENT_AFTER = re.compile(r"\s*(?:的?(?:温?水|高温|天气|奶|角|热天|酒|近视|空调|斜|弯|旋转)|的天)")
CHANGE = re.compile(
    r"(?:(?:掉|降|跌|涨|升|(?<!差不)多|少|(?<!身)长|增加|减少|减|加|下降|上升|轻|瘦|胖|增重|掉秤|长秤|增长|相差|差)(?:了|大概|约|快|差不多|有|过|只|才)*"
    r"|(?:比[^，。]{0,6}|(?<![体净毛生身最]))(?:[高低重]|(?<![最长])[大小](?=了))(?:了|出)(?:大概|约|快|差不多)?|比[^，。]{0,6}[高低重])\s?$"
)
_FALL = re.compile(
    r"[从掉摔落跌滚](?:[^，。]{0,6})$"
    r"|(?:伤口|口子|肿|包|疤|距离|离|隔|床|高处|台阶|(?<!身)长(?!到|高)|宽|大小|直径|囊肿|结节|结石|疝|肾|脾|肝|淋巴结)[^，。]{0,5}$"
)
_FURNITURE = re.compile(r"床|柜|桌|沙发|被子|床单|凉席|围栏|窗帘|地垫|浴缸|布料")
# 三尺六 is three 尺 and six 寸; a 尺 is a third of a metre (the market system of 1929).
CHI = 100 / 3
_CUN = re.compile(r"\s?(?P<cun>[一二三四五六七八九]|[1-9])(?![\d.十百])\s?寸?")
_LENGTH_AFTER = re.compile(r"\s*(?:的(?!身高|个子|个头)|高的?(?:床|地方|台|处)|[长宽远厚深]|左右的|x|\*|×|外)")
_BORN_AFTER = re.compile(r"\s?(?:重|左右)?(?:出?生的|出生|生下来)")
_BODY = frozenset({"weight", "birth_weight", "height", "head_circumference"})
# 从28斤瘦到26斤: what is become is what is weighed now.
_BECAME = re.compile(r"[重瘦胖掉降减跌涨长](?:到|成)了?(?:现在)?\s?$")
_TRADE = re.compile(r"[买卖提搬扛吃喝送寄拎]")
_READ_OFF = re.compile(r"[量测夹](?:的|了|是|出来)*\s?$")
# 行李箱十二斤重, 狗都三十斤了: what is weighed is no child.
_THING = re.compile(r"(?:书包|行李箱?|箱子|包裹|快递|西瓜|大米|米袋|推车|自行车|哑铃|狗狗?|猫咪?|猫)[^，。！？,!?\d]{0,4}$")
LIGHTEST = 0.8
# A message as short as this is nothing but the degrees.
ALONE = 6
# Below this no sugar in mg/dL is (vitals.yml accepts none).
SMALLEST_MG = 40
_SCALE = re.compile(r"\s?(?:里|满分|制|中|最)")
# 疼得十分厉害
_VERY = re.compile(r"十分(?=[^\W\d_])(?![了吧的左啊呀哦以满])")
_HURTS = re.compile(r"疼|痛")
_MASS_AFTER = re.compile(
    r"\s*(?:奶(?!量)|水|米|面|肉|蛋|药|盐|糖|苹果|菜|橘|/\s?(?:[天日次顿袋包瓶盒只个分]|kg|公斤|h|小时|d)|每|重的|的(?!体重)|酒|油|果|豆)"
)


def quantity(amount: Amount, vital: str, unit: str | None = None, question: str | None = None) -> Quantity:
    """`amount` read as `vital`."""
    return Quantity(amount.start, amount.end, vital, amount.value, unit, amount.low, amount.precision, question)


def read_degrees(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Degrees: body temperature, unless the words speak of water, rooms, angles or eyes."""
    amount = scene.amount(index)
    head = scene.text[max(0, amount.start - 10) : amount.start]
    if (subject and subject.vital == "none") or (amount.value < 10 and CHANGE.search(head)):
        return None
    named = (subject is not None and subject.vital == "temperature") or "temperature" in scene.asked
    close = subject is not None and subject.vital == "temperature" and not subject.far
    if _HEATED.search(head) or (not close and _OF_WATER.search(scene.text, max(0, amount.start - 24), amount.start)):
        return None
    if not close and not _READ_OFF.search(head) and (_ENVIRONMENT_BEFORE.search(head) or _ENVIRONMENT_AFTER.match(scene.text, amount.end)):
        return None
    if _ENVIRONMENT_AFTER.match(scene.text, amount.end) and not amount.decimal:
        return None
    value = amount.value
    if not amount.sure:
        # 四十度零三: what cannot be read is asked, and until then it is no less than the whole degrees.
        shown = scene.text[amount.start : amount.end]
        return [quantity(amount, "temperature", None, f"“{shown}”是{value:g}度几？")] if 34 <= value <= 43 else []
    if amount.unit == "F" or head.endswith("华氏"):
        return [quantity(amount, "temperature", "F")] if 86 <= value <= 113 else [] if named else None
    if 86 <= value <= 113:
        return [quantity(amount, "temperature", "F", f"{value:g}度是华氏度吗？")]
    if 300 <= value <= 430 and value == int(value):
        return [tenfold(amount)] if named or scene.isolated(index) else None
    # 30度 alone is the weather; a body that cold is named.
    if (30 if named else 34) <= value <= 45.9:
        return [quantity(amount, "temperature")]
    odd = value > 45.9 or (amount.decimal and 34 <= 10 * value <= 43)
    answered = scene.isolated(index) and subject is None and (named or (odd and len(scene.text.strip()) <= ALONE))
    return [] if (close or answered) and value >= 1 else None


def tenfold(amount: Amount) -> Quantity:
    """385 as 38.5, to be confirmed."""
    return Quantity(amount.start, amount.end, "temperature", amount.value / 10, question=f"{amount.value:g}是{amount.value / 10:g}℃吗？")


def read_mass(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """A weight with its unit; what the child gained, ate or bought is none."""
    amount = scene.amount(index)
    vital = subject.vital if subject and subject.vital in ("weight", "birth_weight") else None
    before = scene.text[max(0, amount.start - 8) : amount.start]
    if CHANGE.search(before) or _MASS_AFTER.match(scene.text, amount.end) or scene.consumed(index) or (subject and subject.vital == "none"):
        return None
    if _THING.search(before):
        return None
    if amount.unit == "两" and (vital is None or amount.value < 10):
        return None
    if vital is None:
        vital = next((asked for asked in scene.asked if asked in ("weight", "birth_weight")), None)
    if vital is None:
        kilograms = amount.value * {"g": 0.001, "两": 0.05}.get(amount.unit or "", 1.0)
        if kilograms < (0.3 if amount.unit == "g" else 1.5):
            return None
        grown = _grown(scene, index) and scene.ends_known(index) and not _TRADE.search(before)
        if not grown and not _introduces(scene, index) and not _BECAME.search(before):
            return None
        vital = "weight"
    if amount.unit == "g" and amount.value < 300:
        return None
    if subject and scene.tokens[subject.named].text == "重" and amount.value < LIGHTEST:
        # 才重1斤 tells what was gained.
        return None
    if vital == "weight" and _BORN_AFTER.match(scene.text, amount.end):
        vital = "birth_weight"
    if not amount.sure:
        return []
    return [quantity(amount, vital, amount.unit)]


def _grown(scene: Scene, index: int) -> bool:
    """Whether the words before speak of the body: its weight at birth, its height, its head, or how much was gained or lost."""
    before = scene.tokens[max(0, index - 16) : index]
    return any(
        token.roles.vital in _BODY
        or (
            token.amount is not None
            and token.amount.dimension == "mass"
            and CHANGE.search(scene.text, max(0, token.start - 8), token.start)
        )
        for token in before
    )


def _introduces(scene: Scene, index: int) -> bool:
    """Whether what stands before an unnamed weight or height lets it be the child's: nothing, the child, a time, an age, a height."""
    if index == 0:
        return scene.tokens[0].start == 0
    previous = scene.tokens[index - 1]
    if previous.end != scene.tokens[index].start:
        return False
    if previous.kind in ("weak", "strong", "moment") or previous.roles.person or previous.text in ("/", "、"):
        return True
    if previous.amount is not None:
        return previous.amount.dimension in ("time", "length", "mass")
    return previous.roles.filler and not previous.roles.count and (index == 1 or _introduces(scene, index - 1))


def read_length(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Height or head circumference; distances, falls and wounds are neither."""
    amount = scene.amount(index)
    vital = subject.vital if subject else None
    if vital == "none" or scene.text[amount.start - 1 : amount.start] in tuple("x×*") or _LENGTH_AFTER.match(scene.text, amount.end):
        return None
    if (vital is None or (subject and subject.far)) and _FURNITURE.search(scene.clause_text(index)):
        return None
    if vital not in ("height", "head_circumference"):
        vital = next((asked for asked in scene.asked if asked in ("height", "head_circumference")), None)
    before = scene.text[max(0, amount.start - 10) : amount.start]
    if CHANGE.search(before):
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
    if not amount.sure:
        return []
    if amount.unit != "尺":
        return [Quantity(amount.start, amount.end, vital, round(amount.value, 2), "cm", amount.low, amount.precision)]
    inches = _CUN.match(scene.text, amount.end)
    value = amount.value + (parse_numeral(inches["cun"]).value / 10 if inches else 0)
    return [
        Quantity(amount.start, inches.end() if inches else amount.end, vital, round(value * CHI, 2), "cm", amount.low, amount.precision)
    ]


def read_substance(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """mmol/L, mg/dL, µmol/L: glucose, ketones or bilirubin, by what is named."""
    amount = scene.amount(index)
    named = named_or_asked(scene, index, subject, ("glucose", "blood_ketone", "bilirubin"))
    if named is None:
        if subject is not None or amount.unit != "mmol/L" or not scene.isolated(index):
            return None
        named = "glucose"
    if CHANGE.search(scene.text[max(0, amount.start - 8) : amount.start]):
        return None
    if not amount.sure or (amount.unit == "umol/L") != (named == "bilirubin" and amount.unit != "mg/dL"):
        return []
    if named == "blood_ketone" and amount.unit == "mg/dL":
        return []
    return [quantity(amount, named, amount.unit)]


def read_dose(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """血糖110毫克: a sugar whose unit was cut short; every other dose is no vital."""
    amount = scene.amount(index)
    if subject is None or subject.vital != "glucose" or subject.far or not amount.sure or amount.value < SMALLEST_MG:
        return None
    if not scene.text[amount.start : amount.end].endswith(("毫克", "mg")) or scene.consumed(index):
        return None
    return [quantity(amount, "glucose", "mg/dL", f"血糖{amount.value:g}是 mg/dL 吗？")]


def read_percent(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Oxygen saturation, or peak flow in per cent of the personal best."""
    amount = scene.amount(index)
    named = named_or_asked(scene, index, subject, ("spo2", "peak_flow"))
    if named is None or CHANGE.search(scene.text[max(0, amount.start - 8) : amount.start]):
        return None
    return [quantity(amount, named, "%" if named == "peak_flow" else None)] if amount.sure else []


def read_cells(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Counts of cells per litre."""
    amount = scene.amount(index)
    named = named_or_asked(scene, index, subject, ("platelets", "neutrophils"))
    if (
        named is None
        or (amount.unit == "万" and named != "platelets")
        or CHANGE.search(scene.text[max(0, amount.start - 8) : amount.start])
    ):
        return None
    return [quantity(amount, named, "万" if amount.unit == "万" else None)] if amount.sure else []


def read_flow(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Litres a minute of a peak flow meter; those of oxygen are none."""
    amount = scene.amount(index)
    named = named_or_asked(scene, index, subject, ("peak_flow",))
    return [quantity(amount, named)] if named and amount.sure else None


def read_score(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """A pain score."""
    amount = scene.amount(index)
    named = named_or_asked(scene, index, subject, ("pain",))
    if _SCALE.match(scene.text, amount.end) or _VERY.match(scene.text, amount.start):
        return None
    if named is None and (subject is None or subject.far) and _HURTS.search(scene.sentence(index)):
        # 分 measures nothing else where pain is spoken of.
        named = "pain"
    return [quantity(amount, named)] if named and amount.sure else None


def read_urine(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """Millilitres per kilogram and hour."""
    amount = scene.amount(index)
    before = scene.text[max(0, amount.start - 10) : amount.start]
    return [quantity(amount, "urine_output")] if amount.sure and "尿" in before else None


def named_or_asked(scene: Scene, index: int, subject: Subject | None, vitals: Collection[str]) -> str | None:
    """The one of `vitals` that is named before the number, directly after it, or was asked for."""
    if subject is not None and subject.vital in vitals:
        return subject.vital
    after = scene.tokens[index + 1] if index + 1 < len(scene.tokens) else None
    owned = after is not None and leads_to_amount(scene, index + 1)
    if (
        after is not None
        and after.roles.vital in vitals
        and not owned
        and re.fullmatch(r"\s?个?的?", scene.text[scene.tokens[index].end : after.start])
    ):
        return after.roles.vital
    if subject is not None and not subject.far:
        return None
    return next((asked for asked in scene.asked if asked in vitals), None)
