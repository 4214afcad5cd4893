"""A number in its surroundings: what stands before and after it, which vital the words name, which vital was asked for."""

import re
from dataclasses import dataclass

UNKNOWN_UNIT = "?"


@dataclass(frozen=True)
class Quantity:
    """A number read as a vital sign, still in the unit it was given in (None: the canonical one). `guess` asks for a confirmation."""

    start: int
    end: int
    vital: str
    value: float
    unit: str | None
    about: bool = False
    guess: str | None = None


@dataclass(frozen=True)
class Spot:
    """A number in folded text with what the readers look at."""

    text: str
    start: int
    end: int
    value: float
    about: bool
    context: str | None

    @property
    def head(self) -> str:
        """Up to 16 characters before the number, within the sentence."""
        return re.split(r"[。！？!?\n；;]", self.text[max(0, self.start - 16) : self.start])[-1]

    @property
    def tail(self) -> str:
        """Up to 14 characters after the number."""
        return self.text[self.end : self.end + 14]


_KEYWORDS = re.compile(
    r"(?P<temperature>体温|额温|耳温|腋温|腋下|肛温|口温|温度|烧到了?|烧到过|热到|发高烧|高烧|低烧|发烧|发热|高热|低热|发骚|发少|烧了?|℃)"
    r"|(?P<birth_weight>出生(?:体重|时|的时候)?|生下来|落地)"
    r"|(?P<weight>体重|称了?|称重|几斤|净重)"
    r"|(?P<head_circumference>头围)"
    r"|(?P<height>身高|身长|个子|个头|高度)"
    r"|(?P<systolic_bp>高压|上压|收缩压|血压)"
    r"|(?P<diastolic_bp>低压|下压|舒张压)"
    r"|(?P<blood_ketone>血酮)"
    r"|(?P<glucose>血糖仪?|空腹(?:血)?糖?|餐后)"
    r"|(?P<spo2>血氧(?:饱和度)?|氧饱和度?|spo2|血氧仪)"
    r"|(?P<heart_rate>心率|心跳|脉搏|脉率)"
    r"|(?P<respiratory_rate>呼吸(?:频率|次数)?|喘气|气息)"
    r"|(?P<bilirubin>胆红素|黄疸值?|经皮|测黄)"
    r"|(?P<platelets>血小板|plt)"
    r"|(?P<neutrophils>中性粒细胞?|中性粒?)"
    r"|(?P<peak_flow>峰流速值?|峰值流速|pef|吹气)"
    r"|(?P<pain>疼痛评分|疼痛|疼)"
    r"|(?P<nothing>crp|白细胞|血红蛋白|pct|降钙素|铁蛋白|血沉|转氨酶|室温|室外|水温|气温|空调|近视|散光|孕|胎龄"
    r"|电话|手机|剂量|肌酐|淋巴|雾化|身份证|预约|第)"
)
# A number before one of these counts something else.
COUNTED = re.compile(
    r"\s*(?:多|几)?(?:天|日|号|周|星期|礼拜|个?半?多?月|月龄|岁|周岁|年|个?半?小时|个?钟头|分钟|秒"
    r"|片(?!尿)|粒|包|袋|支|滴|颗|楼|层|床|元|块|倍|种|级|疗程|针|声|院|点(?![0-9])|时(?!候)|胎|场|遍|口"
    r"|小时"
    r"|厘米|公分|cm|mm(?!h)|ml|毫升|斤|公斤|kg|g(?![a-z])|克|千克|%|个(?!血糖|糖|点)|两(?!次)|/\d|mg|毫克"
    r"|单位|人|家|头|只|条|张|根|圈|瓶|勺|本|页|股|寸|元|队|路|班|mol)"
)
COUNT_TAIL = re.compile(r"\s*(?:天|次|个|小时|分钟|岁|点|日|片|毫升|ml|周|月|粒|回|包)")

_NEARLY = re.compile(r"(?:快|将近|接近|差不多|大概|大约|约|好像|可能|估计|近|超过|高于|都)$")
DRUG = re.compile(
    r"药|美林|布洛芬|泰诺林|对乙酰|糖浆|口服液|混悬|滴剂|退烧|开塞露|蒙脱石|益生菌|冲剂|颗粒|雾化|生理盐水"
    r"|盐水|奥司|头孢|阿奇|维生素|ad|d3|补液盐|水(?!奶)|电解质"
)
_ACROSS_COMMA = ("temperature", "systolic_bp", "weight")


def keyword_before(spot: Spot) -> str | None:
    """The vital whose keyword stands closest before the number, with at most 9 characters and no other number between."""
    last = None
    for match in _KEYWORDS.finditer(spot.head):
        last = match
    if last is None:
        return None
    between = spot.head[last.end() :]
    if len(between) > 9 or re.search(r"\d", between) or (last.lastgroup not in _ACROSS_COMMA and re.search("[，,]", between)):
        return None
    return last.lastgroup


def is_nearly(spot: Spot) -> bool:
    """Whether a word of approximation stands before the number."""
    return bool(_NEARLY.search(spot.head))


def read_loose_decimal(spot: Spot) -> Spot:
    """38。5, 38，5, 38 5 and 6，8公斤: a separator of the wrong kind, where a unit or the topic says that a decimal is meant."""
    match = re.match(r"[。，,·、 ]\s?(\d{1,2})(?!\d)(.{0,4})", spot.tail)
    if not match or spot.value != int(spot.value) or spot.value > 300:
        return spot
    unit_follows = re.match(r"\s*(?:度|℃|°|公斤|kg|斤|mmol)", match[2])
    alone = spot.text.strip() == spot.text[spot.start : spot.end + match.end(1)].strip() and asked_vital(spot.context) is None
    is_fever = 34 <= spot.value <= 42 and (
        alone or "temperature" in (keyword_before(spot), asked_vital(spot.context)) or re.search("[量测]了?的?$", spot.head)
    )
    if not unit_follows and not (is_fever and len(match[1]) == 1 and not COUNTED.match(match[2]) and not COUNT_TAIL.match(match[2])):
        return spot
    value = float(f"{int(spot.value)}.{match[1]}")
    return Spot(spot.text, spot.start, spot.end + match.start(2), value, spot.about, spot.context)


def counts_something_else(spot: Spot) -> bool:
    """Whether the number is an age, a dose, a date, a telephone number or another count."""
    return bool(COUNTED.match(spot.tail)) or bool(re.search(r"[\d一二三四五六七八九十][-/年月.]$|no\.?$|电话|手机|微信号?", spot.head))


_ASKED = (
    ("temperature", r"体温|多少度|几度|温度|发烧|烧"),
    ("head_circumference", r"头围"),
    ("weight", r"体重|多重|几斤|多少斤|公斤"),
    ("height", r"身高|身长|多高"),
    ("systolic_bp", r"血压"),
    ("blood_ketone", r"血酮"),
    ("glucose", r"血糖"),
    ("spo2", r"血氧"),
    ("respiratory_rate", r"呼吸[^，。]{0,6}(?:多少|几|次)|呼吸频率|数[^，。]{0,4}呼吸"),
    ("heart_rate", r"心率|脉搏|心跳"),
    ("wet_diapers", r"尿了?几|小便[^，。]{0,4}(?:几|次|多少)|几片|尿不湿|尿布|尿了?多少次"),
    ("stool_count", r"大便[^，。]{0,4}(?:几|次)|拉了?几|便便[^，。]{0,4}几"),
    ("feed_count", r"几顿|几次奶|吃了?几|喂了?几|多少顿"),
    ("feed_volume", r"奶量|多少毫升|多少ml|吃多少|喝多少|吃了多少|喝了多少"),
    ("pain", r"几分|疼痛"),
    ("peak_flow", r"峰流速|峰值"),
    ("bilirubin", r"黄疸|胆红素"),
    ("platelets", r"血小板"),
)


def asked_vital(context: str | None) -> str | None:
    """The vital that the line before asks for; None if it asks for none."""
    if not context:
        return None
    return next((vital for vital, words in _ASKED if re.search(words, context)), None)
