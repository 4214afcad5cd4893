"""A number with what belongs to it: typing slips, halves and tenths behind the unit, the unit, words of precision."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from tagging.measurement.unit import dimension_of, unit_at
from tagging.numeral import HAN, parse_numeral

Precision = Literal["exact", "about", "more_than", "less_than", "nearly", "range"]


@dataclass(frozen=True)
class Amount:
    """A number read with its unit (None: bare). `low` is the lower end of a range, `value` its upper end.

    `sure` is false where the characters have no single reading. `loose` is the decimal that a slip of the separator may mean (38。5)
    and where it ends; the reader decides by the topic. `before` and `after` are the two halves of a joined range.
    """

    start: int
    end: int
    value: float
    unit: str | None = None
    low: float | None = None
    precision: Precision = "exact"
    sure: bool = True
    decimal: bool = False
    han: bool = False
    digits: int = 0
    loose: tuple[float, int] | None = None
    halves: tuple["Amount", "Amount"] | None = None

    @property
    def dimension(self) -> str | None:
        return dimension_of(self.unit) if self.unit else None


# A letter in the place of a digit (4O度, 38.l), digits typed apart (3 8 . 5): nobody can be sure.
_GARBLED = r"\d+\.?[olisz](?=[\d.]|度|℃)[\d.olisz]*|\d{2,}o(?![a-z])|(?<![\d.])\d \d ?\. ?\d(?!\d)"
# 3九度, 3十8度: digits and characters mixed.
_TENTHS = r"(?:[点.][\d一二三四五六七八九])"
_MIXED = (
    r"\d{1,3}点[一二三四五六七八九](?![十百千零点分])|"
    r"[三四]十\d(?:[.点]\d)?(?=度|℃)|"
    rf"[1-9](?:十[\d一二三四五六七八九]|[一二三四五六七八九])(?=[度℃点.]){_TENTHS}?"
)
NUMBER = re.compile(rf"(?P<garbled>{_GARBLED})|(?P<mixed>{_MIXED})|(?P<digits>\d+(?:\.\d+)*)|(?P<han>{HAN})")
_SLIP = re.compile(
    r"\s?(?:[。.·]{2,3}(?=\d(?!\d))|[。，,·、'’‘;；:：.]|点)\s?(?P<digits>\d{1,2})(?![\d.]|[ ,，、/-]*\d)"
    r"|点(?P<pointed>\d)(?=[ ,，、/-]+\d)(?!\s?[分刻])|\s(?P<spaced>\d)(?![\d.])"
)
_DECIMAL_UNITS = frozenset({"temperature", "mass", "substance", "pressure"})
_SOME_TENTHS = re.compile(r"[.点]{1,2}几|点多")
# 37.538 is 37.5 and 38 in one; 3.162 is a weight.
_TYPED_TOGETHER = re.compile(r"[34]\d\.\d{3,}")
_VERBS = frozenset("贴喷吸管包针滴支")
# 七万八 is 78 000.
_TEN_THOUSANDS = re.compile(r"([\d一二三四五六七八九])(?![\d十百千.])")
# 四十一公分三
_TENTH_OF_CM = re.compile(r"([\d一二三四五六七八九])(?=$|[，。,！!；;\s了吧呢高])")
# 七个二 is 7.2 (sugar).
_SAID_WITH_GE = re.compile(r"个(?P<tenth>[\d一二三四五六七八九])(?=$|[，。,！!；;\s了吧])")
# 39块9买的
_PRICE = re.compile(r"块(?:\d|[一二三四五六七八九])(?![\d十百])(?!片|次|个)")
# 血糖五个多
_FEW_MORE = re.compile(r"个多(?=$|[，。,！!了吧的\s])")
# 三十八变度四: a stray character in the number.
_INTERRUPTED = re.compile(r"[^\W\d_a-z个的这多来几]度[\d一二三四五六七八九半]")
# 一次喂九十一天喂八回: a new phrase begins within the numeral.
_RUN_ON = re.compile(r"天(?:[喂喝吃尿拉吐换]|[一二两三四五六七八九十]+[次回顿])")
_ROUGH = re.compile(r"多|来(?![了回])|几|余")
_AFTER = re.compile(
    r"\s?(?:(?P<about>(?:吧|了)?(?:大概|差不多)(?=$|[，。,！!])|左右|上下|前后|来(?=[度斤次])|的样子|这样子?|样子)|(?P<more>之上|多一?点{1,2}|多些|还?冒尖|挂零|还多|多(?!少|大|次|喝|吃)|出头|以上|开外|往上|朝上|冒头|\+(?!\d)|几(?![个天次]))"
    r"|(?P<less>之下|以下|以内|之内|不到(?![\d一二三四五六七八九十]|时|点)|往下|朝下|还不到|都不到|都(?:没有?|冇得?|冇有)(?=$|[，。！,!])))"
)
_BEFORE = re.compile(
    r"(?:(?P<nearly>(?<![跳吸率搏气最点很太])快要?(?:[烧升涨飙]|发烧)?|就快|将近|接近|近|差点|逼近|直逼|奔)"
    r"|(?P<about>大概|大约|约|差不多|估计|可能|好像|大致|估摸|应该|目测|也就|怕有?|怕是|总有|满打满算|能有)"
    r"|(?P<less>不到|没到|没有到|未到|不足|低于|小于|不超过|没超过|没有超过|(?:没有?再|再没有?|再也没有?)(?:超过|高过|高于|上过?|到过?)|未超过|不会超过|少于|不高于|没上|未满|不满|没破|(?:还|都|并|也|就)?没有?|没有?烧?[升烧]?过|没有?[烧升]到|不高过|[<＜≤])"
    r"|(?P<more>超过|超|高于|大于|不止|至少|起码|多于|没下过|没低过|没低于过|少说|突破|破|[>＞≥]))"
    r"(?:了|过|有|达|到|是|在|就|都|要|得|到了|个)?\s?$"
)
_FRACTION = re.compile(
    r"(?P<half>半)|(?P<pair>\d[、/-]\d)(?![\d.])|(?:\.|零)?(?P<digits>\d{1,2})(?![\d.])|零?(?P<han>[一二三四五六七八九]{1,2}|两(?=$|[，。,！!；;\s了吧呢哦啊]))(?![十百点])"
)
_MASS_REST = re.compile(
    rf"(?:零|又|多)?(?:(?P<half>半)|(?P<rest>\d+(?:\.\d+)?|{HAN})\s?(?P<small>两|克|g(?![a-z/]))?(?P<more>半|[\d一二三四五六七八九](?![\d.十百个次片度]))?)"
)
_LENGTH_REST = re.compile(
    r"(?P<digits>\d{2}\.\d|\d{1,2})(?![\d.])"
    r"|(?:(?P<han>[零一二三四五六七八九]{1,2})(?![十百])|(?P<tens>[一二三四五六七八九]?十[一二三四五六七八九]?))(?:[点.](?P<tenth>[一二三四五六七八九]))?"
)
# 八斤差一两
_MASS_SHORT = re.compile(r"(?:还)?[差少欠缺](?P<rest>[1-9一二两三四五六七八九])两")
# 三十七度嗯五
_HESITATION = re.compile(r"[嗯呃额啊那个]{1,3}(?=[一二三四五六七八九\d](?![\w.]))")
# 三十八度五十: nobody says fifty tenths.
_TENS = re.compile(r"[二三四五六七八九]?十[一二三四五六七八九]?(?=$|[，。,！!？?度])")
_COUNT_NEXT = re.compile(
    r"\s*(?:天|次|个|小时|分钟|岁|点(?!\d)|日|片|毫升|ml|周|月|粒|回|包|袋|支|滴|号|顿|/(?=\s?(?:\d(?![\d.])|[分天日次])))"
)


def read_amount(text: str, match: re.Match[str]) -> Amount | None:
    """The amount that begins with the NUMBER `match` in folded text; None where the characters count nothing (几十, 第三)."""
    start, end = match.span()
    raw, han = match.group(), match["han"] is not None
    if han and _RUN_ON.match(text, end) and len(raw) > 2 and raw[-2:] in ("十一", "百一"):
        raw, end = raw[:-1], end - 1
    before = text[start - 1 : start] if start else ""
    if before == "第" or (han and before and before in "几千百万亿") or (before == "数" and raw[:1] == "十"):
        return None
    if han:
        numeral = parse_numeral(raw)
        amount = Amount(
            start, end, numeral.value, low=numeral.low, sure=numeral.sure, decimal="点" in raw or "." in raw, han=True, digits=len(raw)
        )
        if numeral.low is not None:
            amount = replace(amount, precision="range")
    elif match["mixed"]:
        amount = Amount(start, end, _mixed(raw), decimal=raw[-2:-1] in ("点", "."), han=True, digits=len(raw))
    elif match["garbled"]:
        amount = Amount(start, end, 0.0, sure=False, decimal=True, digits=len(raw))
    else:
        sure = raw.count(".") <= 1 and len(raw) <= 8 and not _TYPED_TOGETHER.fullmatch(raw)
        amount = Amount(start, end, float(raw) if sure else 0.0, sure=sure, decimal="." in raw, digits=len(raw))
    amount = _with_unit(text, amount)
    if amount.unit is None and text.startswith("百分之", start - 3) and start >= 3:
        amount = replace(amount, unit="%")
    return _with_precision(text, amount)


def _mixed(raw: str) -> float:
    whole, _, tenth = raw.replace(".", "点").partition("点")
    if whole.isdigit():
        return int(whole) + parse_numeral(tenth).value / 10
    han = "".join("零一二三四五六七八九"[int(c)] if c.isdigit() else c for c in raw.replace(".", "点"))
    return parse_numeral(han).value


def _with_unit(text: str, amount: Amount) -> Amount:
    end = amount.end
    tenths = _SOME_TENTHS.match(text, end)
    if tenths:
        amount, end = replace(amount, end=tenths.end(), precision="more_than", decimal=True), tenths.end()
    spoken = _SAID_WITH_GE.match(text, end) if amount.value < 40 and not amount.decimal else None
    if spoken:
        return replace(amount, loose=(amount.value + parse_numeral(spoken["tenth"]).value / 10, spoken.end()))
    slip = None if amount.decimal or amount.han or tenths or amount.value > 400 else _SLIP.match(text, end)
    if slip:
        slipped = _slipped(text, amount, slip)
        if slipped.decimal:
            return slipped
        amount = slipped
    more = _FEW_MORE.match(text, end) if not amount.decimal else None
    if more:
        return replace(amount, precision="more_than", end=more.end())
    rough = _ROUGH.match(text, end)
    if rough and not amount.decimal:
        unit = unit_at(text, rough.end())
        if unit and text[rough.end() : rough.end() + 1] != "点":
            rough_as: Precision = "about" if rough.group() == "来" else "more_than"
            return replace(amount, precision=rough_as, unit=unit[0], end=unit[1])
    unit = unit_at(text, end)
    broken = None if unit else _INTERRUPTED.match(text, end)
    if broken:
        return replace(amount, unit="Cel", sure=False, end=broken.end())
    if unit and amount.value >= 30 and text[end : end + 1] in _VERBS and dimension_of(unit[0]) == "dose":
        # 37.9贴了退热贴
        return amount
    return _composed(text, replace(amount, unit=unit[0], end=unit[1], loose=None)) if unit else amount


def _slipped(text: str, amount: Amount, slip: re.Match[str]) -> Amount:
    """The decimal where nothing else can be meant (38。5度, 12点5); else the amount with its `loose` reading, if it has one."""
    digits, stop = slip["digits"] or slip["pointed"] or slip["spaced"], slip.end()
    value, behind = float(f"{int(amount.value)}.{digits}"), unit_at(text, stop)
    separator = text[amount.end : stop].strip()[:1]
    if separator == "点" and not (behind and dimension_of(behind[0]) == "time"):
        decimal = replace(amount, value=value, decimal=True, end=stop)
        return _composed(text, replace(decimal, unit=behind[0], end=behind[1])) if behind else decimal
    if behind and dimension_of(behind[0]) in _DECIMAL_UNITS and slip["spaced"] is None and len(digits) == 1:
        # 38、9度 is 38.9 or 38 to 39.
        sure = separator != "、" or int(digits) != (amount.value + 1) % 10
        return _composed(text, replace(amount, value=value, decimal=True, unit=behind[0], end=behind[1], sure=sure))
    if behind is None and not _COUNT_NEXT.match(text, stop):
        return replace(amount, loose=(value, stop))
    return amount


def _composed(text: str, amount: Amount) -> Amount:
    """What stands behind the unit and belongs to the number: 38度5, 6斤8两, 一米二."""
    if amount.unit == "Cel":
        return _degrees(text, amount)
    if amount.unit in ("kg", "斤"):
        return _mass(text, amount)
    if amount.unit == "m":
        return _metres(text, amount)
    price = _PRICE.match(text, amount.end - 1) if amount.unit == "pieces" else None
    if price:
        return replace(amount, unit="other", end=price.end())
    if amount.unit == "cm" and text.startswith("半", amount.end) and not amount.decimal and amount.low is None:
        return replace(amount, value=amount.value + 0.5, decimal=True, end=amount.end + 1)
    tenth = _TENTH_OF_CM.match(text, amount.end) if amount.unit == "cm" and not amount.decimal and amount.low is None else None
    if tenth:
        return replace(amount, value=amount.value + parse_numeral(tenth[1]).value / 10, decimal=True, end=tenth.end())
    more = _TEN_THOUSANDS.match(text, amount.end) if amount.unit == "万" and not amount.decimal else None
    if more:
        return replace(amount, value=amount.value + parse_numeral(more[1]).value / 10, end=more.end())
    return amount


def _degrees(text: str, amount: Amount) -> Amount:
    spaced = text[amount.end : amount.end + 1] == " "
    if _TENS.match(text, amount.end) and amount.low is None:
        return replace(amount, sure=False)
    hesitation = _HESITATION.match(text, amount.end)
    match = _FRACTION.match(text, hesitation.end() if hesitation else amount.end + spaced)
    if not match or amount.value != int(amount.value) or _COUNT_NEXT.match(text, match.end()) or amount.low is not None:
        return amount
    if spaced and not re.match(r"\s*(?:[，。,!！;；度℃]|$|左右|多)", text[match.end() : match.end() + 4]):
        return amount
    value, low = amount.value, None
    if match.group().startswith("零"):
        # 38度零5 is 38.05 to the letter, and 38.5 in most mouths.
        return replace(amount, sure=False, end=match.end())
    if match["half"]:
        value += 0.5
    elif match["digits"]:
        value = float(f"{int(value)}.{match['digits']}")
    else:
        tenths = parse_numeral(match["han"]) if match["han"] else None
        first, last = (int(match["pair"][0]), int(match["pair"][2])) if tenths is None else (tenths.low, tenths.value)
        if match["pair"] and (last or 0) <= (first or 0):
            return amount
        if tenths is not None and tenths.low is None and tenths.value > 9:
            value = float(f"{int(value)}.{int(tenths.value)}")
        else:
            value, low = value + (last or 0) / 10, value + first / 10 if first is not None else None
    end = match.end()
    again = re.match(r"\s?(?:度(?!假)|℃)", text[end : end + 2])
    return replace(
        amount,
        value=round(value, 2),
        low=round(low, 2) if low is not None else None,
        precision="range" if low is not None else amount.precision,
        end=end + again.end() if again else end,
        decimal=True,
    )


def _mass(text: str, amount: Amount) -> Amount:
    factor = 0.5 if amount.unit == "斤" else 1.0
    kilograms = replace(amount, unit="kg", value=round(amount.value * factor, 4), low=amount.low * factor if amount.low else None)
    short = _MASS_SHORT.match(text, amount.end) if factor == 0.5 and amount.low is None else None
    if short:
        return replace(kilograms, value=round(kilograms.value - 0.05 * parse_numeral(short["rest"]).value, 4), end=short.end())
    match = _MASS_REST.match(text, amount.end)
    if not match or amount.low is not None:
        return kilograms
    if match["half"]:
        return replace(kilograms, value=kilograms.value + 0.5 * factor, end=match.end())
    rest = parse_numeral(match["rest"])
    if not rest.sure or rest.low is not None:
        # 七斤六七两: nearly as good as a range.
        if rest.low is None or factor != 0.5 or not match["small"]:
            return kilograms
        return replace(
            kilograms, low=kilograms.value + rest.low * 0.05, value=kilograms.value + rest.value * 0.05, precision="range", end=match.end()
        )
    if match["small"] in ("克", "g"):
        added = rest.value / 1000
    elif match["small"] == "两":
        tenths = 0 if not match["more"] else 5 if match["more"] == "半" else parse_numeral(match["more"]).value
        added = (rest.value + tenths / 10) * 0.05
    elif unit_at(text, match.end()) or re.match(r"\s?[-~.\d多来几/]", text[match.end() : match.end() + 2]) or amount.decimal:
        return kilograms
    elif rest.value < 10:
        added = rest.value * (0.05 if factor == 0.5 else 0.1)
    else:
        return kilograms
    if added >= factor * 1.0001:
        return replace(kilograms, sure=False, end=match.end())
    return replace(kilograms, value=round(kilograms.value + added, 4), end=match.end())


def _metres(text: str, amount: Amount) -> Amount:
    match = _LENGTH_REST.match(text, amount.end)
    if match and not amount.decimal and not unit_at(text, match.end()) and amount.value <= 2:
        if match["tens"]:
            added = parse_numeral(match["tens"]).value
        else:
            digits = match["digits"] or "".join(str(int(parse_numeral(c).value)) for c in match["han"])
            added = float(digits) * (10 if len(digits) == 1 else 1)
        if match["tenth"]:
            added += parse_numeral(match["tenth"]).value / 10
        return replace(amount, unit="cm", value=amount.value * 100 + added, end=match.end(), decimal=True)
    return replace(amount, unit="cm", value=round(amount.value * 100, 2))


def _with_precision(text: str, amount: Amount) -> Amount:
    after = _AFTER.match(text, amount.end)
    end = after.end() if after else amount.end
    before = _BEFORE.search(text, max(0, amount.start - 8), amount.start)
    if amount.precision != "exact":
        return replace(amount, end=end)
    if (before and before.lastgroup == "less") or (after and after["less"]):
        said: Precision = "less_than"
    elif (after and after["more"]) or (before and before["more"]):
        said = "more_than"
    elif before and before["nearly"]:
        said = "nearly"
    elif (before and before["about"]) or (after and after["about"]):
        said = "about"
    else:
        return amount
    return replace(amount, end=end, precision=said)
