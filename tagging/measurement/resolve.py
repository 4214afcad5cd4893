"""From tokens to quantities: every amount is offered to the reader of its dimension, which looks at the words around it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from tagging.measurement import counts, milk, readers
from tagging.measurement.alone import MEALS, SUGAR
from tagging.measurement.amount import Amount
from tagging.measurement.bare import read_bare, read_column, read_listed
from tagging.measurement.change import find_changes
from tagging.measurement.columns import Columns, find_columns
from tagging.measurement.nothing import find_nothing
from tagging.measurement.pressure import read_pressure
from tagging.measurement.quantity import UNNAMED, Quantity
from tagging.measurement.row import find_row
from tagging.measurement.scan import Token
from tagging.measurement.scene import NEAR, NEAR_ACROSS_COMMA, Scene
from tagging.measurement.series import find_series
from tagging.measurement.subject import Subject

_BY_DIMENSION: dict[str | None, Callable[[Scene, int, Subject | None], list[Quantity] | None]] = {
    "temperature": readers.read_degrees,
    "mass": readers.read_mass,
    "length": readers.read_length,
    "pressure": read_pressure,
    "substance": readers.read_substance,
    "percent": readers.read_percent,
    "cells": readers.read_cells,
    "flow": readers.read_flow,
    "score": readers.read_score,
    "urine": readers.read_urine,
    "dose": readers.read_dose,
    "rate": counts.read_rate,
    "times": counts.read_times,
    "volume": milk.read_volume,
    None: read_bare,
}

# What an amount of a dimension is when nothing names it.
_USUAL: dict[str | None, str] = {"temperature": "temperature", "mass": "weight", "length": "height"}
_DIAPERS = re.compile(r"尿不湿|尿布|纸尿裤|尿片")
_MEASURED = re.compile(r"[量测数称](?:了|的|是|出来|得|着|到|下)*\s?$")
_AGAIN = re.compile(r"(?:复测|复量|(?:再|又|重新?|后)(?:测|量|查)|重测)(?:了|的|是|为|一次|一下|结果|还|有|就|下|[:：])*\s?$")
_LONGEST = 6
_RATES = frozenset({"heart_rate", "respiratory_rate"})
_OF_MILK = frozenset({"奶量", "吃奶量", "每顿", "每餐"})
_COUNTED = frozenset({"wet_diapers", "stool_count", "vomit_count"})
_DEGREES_OF = frozenset({"温度", "度数", "温"})
_POINTED = (("glucose",), ("bilirubin",), ("blood_ketone",))
_POINTS = re.compile(r"[^早晚午晨夜]{1,4}点")
# What the meter of a diabetic shows is sugar.
_SHOWN = re.compile(r"显示|屏幕|机器|仪器|读数|测出|跳出")
# 体温计显示Lo: too cold for it, or held wrongly.
_NO_DEGREES = re.compile(r"(?:体温|耳温|额温|温度)[计枪表]?[^，。！？,!?\d]{0,6}(?<![a-z])(?:lo(?:w)?|hi(?:gh)?|err(?:or)?)(?![a-z])")
_OFF_SCALE = re.compile(r"(?<![a-z])(?:(?P<high>hi(?:gh)?)|lo(?:w)?)(?![a-z])|(?P<bust>爆表)")


def resolve(scene: Scene) -> tuple[list[Quantity], list[str]]:
    """Every amount of the scene that is a vital, in order, and the vitals of which something was said that cannot be read."""
    found: list[Quantity] = []
    unreadable: list[str] = []
    subject: Subject | None = None
    consumed = 0
    listed = find_series(scene)
    columns = find_columns(scene)
    row = find_row(scene)
    columns = Columns(row.vitals | columns.vitals, row.unread | columns.unread)
    changes = find_changes(scene)
    for index, token in enumerate(scene.tokens):
        if token.kind == "strong":
            # 血压。120/80 is one statement; otherwise a sentence ends what was named.
            subject = subject if subject and subject.index == index - 1 else None
        elif (token.kind == "moment" or token.text.startswith("第")) and subject and subject.vital == "birth_weight":
            # 出生3100克，今天3050: what was weighed at birth is weighed again.
            told = token.kind == "moment" and any(quantity.vital == "birth_weight" for quantity in found[-1:])
            subject = Subject("weight", index, implied=True) if told else None
        elif token.roles.vital and not _is_of_something_else(scene, subject, index):
            subject = Subject(token.roles.vital, index)
        elif token.roles.count in _COUNTED and subject and subject.vital in _RATES and _times_follow(scene, index):
            # 呼吸40 大便7次: what is counted is named anew.
            subject = None
        elif token.text in _OF_MILK and subject and subject.vital in ("weight", "birth_weight"):
            # 体重3.05kg 奶量：60*8
            subject = None
        elif token.roles.condition in MEALS and _sugar_follows(scene, index):
            # 血氧97，空腹5.6
            subject = Subject("glucose", index)
        if subject and subject.vital != "none" and _is_too_long(token) and scene.adjacent(subject.anchor, index):
            # 血小板32000, 峰流速25000: in another unit, or a slip.
            unreadable.append(subject.vital)
        if token.amount is None or token.start < consumed:
            continue
        if token.amount.unit == "time" and subject and subject.vital == "birth_weight":
            # 出生15天 is an age, not the day of birth.
            subject = None
        near = _in_reach(scene, subject, index) or _counted_out(scene, subject, index)
        if near is None and found and _AGAIN.search(scene.text, max(0, token.start - 8), token.start):
            # 血糖2.9，喝了糖水，复测4.1: what was measured before is measured again.
            near = Subject(found[-1].vital, index - 1, implied=True)
        if token.amount.unit == "time" and scene.asked[:1] in _POINTED and _POINTS.fullmatch(token.text) and token.start <= 2:
            # 七八点 in answer to 血糖多少？
            unreadable.append(scene.asked[0])
            continue
        reader = _BY_DIMENSION.get(token.amount.dimension)
        if token.amount.unit is None and scene.text.startswith("个", token.end) and _DIAPERS.search(scene.clause_text(index)):
            reader = counts.read_times
        if index in columns.unread:
            unreadable.append(columns.unread[index])
            continue
        if index in changes:
            near = Subject(changes[index], index - 1)
        if index in columns.vitals and token.amount.unit:
            near = Subject(columns.vitals[index], index - 1)
        elif index in columns.vitals:
            reader = partial(read_column, vital=columns.vitals[index])
        elif index in listed:
            reader = partial(read_listed, vital=listed[index])
        read = reader(scene, index, near) if reader else None
        if read:
            found.extend(read)
            consumed = max(quantity.end for quantity in read)
            # 空腹5.6，餐后7.8: the next value is measured from here.
            if near and any(quantity.vital == near.vital for quantity in read):
                subject = None if read[-1].vital == "diastolic_bp" else Subject(near.vital, near.named, index, implied=near.implied)
            elif subject is None and read[-1].vital in ("temperature", "glucose") and read[-1].question is None:
                # 昨天39.3，今天没超过38
                subject = Subject(read[-1].vital, index, implied=True)
            if read[-1].vital == "temperature" and read[-1].question is None:
                scene.feverish = True
            if read[-1].vital == "glucose" and read[-1].question is None:
                scene.sugary = True
        elif read is not None:
            vital = near.vital if near else scene.asked[0] if scene.asked else _USUAL.get(token.amount.dimension, UNNAMED)
            if vital == UNNAMED:
                shown = scene.text[token.start : token.end]
                found.append(Quantity(token.start, token.end, UNNAMED, token.amount.value, question=f"{shown}是量的什么？"))
            else:
                unreadable.append(vital)
    on_display = "glucose" in scene.followed and _SHOWN.search(scene.text) is not None
    noughts = find_nothing(scene.text, scene.asked_last)
    found += [nought for nought in noughts if not any(q.start < nought.end and nought.start < q.end for q in found)]
    if not found and shows_no_degrees(scene.text):
        unreadable.append("temperature")
    found += _off_scale(scene.text, asked="glucose" in scene.asked or on_display)
    return list(_unswapped(sorted(found, key=lambda quantity: quantity.start))), unreadable


def shows_no_degrees(folded: str) -> bool:
    """Whether a thermometer is told to show a word instead of a number."""
    return "温" in folded and _NO_DEGREES.search(folded) is not None


def _is_of_something_else(scene: Scene, subject: Subject | None, index: int) -> bool:
    """洗澡水温度38: the temperature of what was named directly before is none of a body."""
    return (
        subject is not None
        and subject.vital == "none"
        and scene.tokens[index].text in _DEGREES_OF
        and scene.adjacent(subject.anchor, index)
    )


def _times_follow(scene: Scene, index: int) -> bool:
    """Whether few times follow the word at once (拉了3次)."""
    following = _amount_behind(scene, index)
    return following is not None and following.unit in ("times", "pieces", "meals") and following.value <= counts.FEW_A_DAY


def _sugar_follows(scene: Scene, index: int) -> bool:
    """Whether a bare decimal of the size of a sugar follows the meal at once (空腹5.6)."""
    following = _amount_behind(scene, index)
    return following is not None and following.unit in (None, "mmol/L") and following.decimal and SUGAR[0] <= following.value <= SUGAR[1]


def _amount_behind(scene: Scene, index: int) -> Amount | None:
    """The amount behind a word with but fillers between."""
    for token in scene.tokens[index + 1 : index + 4]:
        if token.amount is not None:
            return token.amount if token.amount.unit != "time" else None
        if not token.roles.filler or token.roles.vital or token.roles.count:
            return None
    return None


def _is_too_long(token: Token) -> bool:
    """Whether a token is a number of more digits than any value has, and no telephone number."""
    return token.amount is None and token.text.isdigit() and len(token.text) <= _LONGEST


def _unswapped(found: Sequence[Quantity]) -> Iterator[Quantity]:
    """高压88低压140: which is which has to be asked."""
    place = 0
    while place < len(found):
        first, second = found[place], found[place + 1] if place + 1 < len(found) else None
        place += 1
        if second and not first.question and _one_breath(first, second):
            place += 1
            question = f"血压{first.value:g}/{second.value:g}，高压和低压各是多少？"
            yield replace(first, end=second.end, question=question)
        else:
            yield first


def _one_breath(first: Quantity, second: Quantity) -> bool:
    """Whether two pressures contradict each other: the higher one below the lower, or two higher ones said at once."""
    if first.vital != "systolic_bp" or first.unit != second.unit:
        return False
    if second.vital == "diastolic_bp":
        return first.value <= second.value
    return second.vital == "systolic_bp" and second.start - first.end <= 1 and second.value < 0.8 * first.value


def _off_scale(folded: str, *, asked: bool) -> Iterator[Quantity]:
    """血糖仪显示 HI or LO: beyond what the meter can show (vitals.yml, glucose); `asked` says that the line before asked for sugar."""
    if "糖" not in folded and not asked:
        return
    for match in _OFF_SCALE.finditer(folded):
        if match["high"] or match["bust"]:
            yield Quantity(*match.span(), "glucose", 33.4, precision="more_than")
        else:
            yield Quantity(*match.span(), "glucose", 1.0, precision="less_than")


def _counted_out(scene: Scene, subject: Subject | None, index: int) -> Subject | None:
    """脉搏快，我掐着表数的130: a verb of measuring directly before the number reaches for what was named in the sentence."""
    start = scene.tokens[index].start
    if subject is None or subject.vital == "none" or not _MEASURED.search(scene.text, max(0, start - 4), start):
        return None
    commas = scene.commas_between(subject.anchor, index)
    return subject.across(commas > 0, scene.unknown_between(subject.anchor, index)) if commas <= 2 else None


def _in_reach(scene: Scene, subject: Subject | None, index: int) -> Subject | None:
    """The subject, if it still stands near enough to token `index`."""
    if subject is None:
        return None
    anchor = subject.anchor
    unknown = scene.unknown_between(anchor, index)
    commas = scene.commas_between(anchor, index)
    if commas and subject.vital == "none":
        return None
    if unknown > (NEAR_ACROSS_COMMA if commas else NEAR) or commas > 2:
        return None
    return subject.across(commas > 0, unknown)
