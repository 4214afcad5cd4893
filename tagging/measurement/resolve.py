"""From tokens to quantities: every amount is offered to the reader of its dimension, which looks at the words around it."""

import re
from collections.abc import Callable, Iterator

from tagging.measurement import counts, readers
from tagging.measurement.bare import read_bare
from tagging.measurement.pressure import read_pressure
from tagging.measurement.quantity import Quantity
from tagging.measurement.scene import NEAR, NEAR_ACROSS_COMMA, Scene
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
    "rate": counts.read_rate,
    "times": counts.read_times,
    "volume": counts.read_volume,
    None: read_bare,
}

# What an amount of a dimension is when nothing names it.
_USUAL: dict[str | None, str] = {"temperature": "temperature", "mass": "weight", "length": "height"}
_DIAPERS = re.compile(r"尿不湿|尿布|纸尿裤|尿片")
_OFF_SCALE = re.compile(r"(?<![a-z])(?:(?P<high>hi(?:gh)?)|lo(?:w)?)(?![a-z])|(?P<bust>爆表)")


def resolve(scene: Scene) -> tuple[list[Quantity], list[str]]:
    """Every amount of the scene that is a vital, in order, and the vitals of which something was said that cannot be read."""
    found: list[Quantity] = []
    unreadable: list[str] = []
    subject: Subject | None = None
    consumed = 0
    for index, token in enumerate(scene.tokens):
        if token.kind == "strong":
            # 血压。120/80 is one statement; otherwise a sentence ends what was named.
            subject = subject if subject and subject.index == index - 1 else None
        elif token.kind == "moment" and subject and subject.vital == "birth_weight":
            subject = None
        elif token.roles.vital:
            subject = Subject(token.roles.vital, index)
        if token.amount is None or token.start < consumed:
            continue
        if token.amount.unit == "time" and subject and subject.vital == "birth_weight":
            # 出生15天 is an age, not the day of birth.
            subject = None
        near = _in_reach(scene, subject, index)
        reader = _BY_DIMENSION.get(token.amount.dimension)
        if token.amount.unit is None and scene.text.startswith("个", token.end) and _DIAPERS.search(scene.clause_text(index)):
            reader = counts.read_times
        read = reader(scene, index, near) if reader else None
        if read:
            found.extend(read)
            consumed = max(quantity.end for quantity in read)
            # 空腹5.6，餐后7.8: the next value is measured from here.
            if near and any(quantity.vital == near.vital for quantity in read):
                subject = None if read[-1].vital == "diastolic_bp" else Subject(near.vital, near.named, index, implied=near.implied)
            elif subject is None and read[-1].vital == "temperature":
                # 昨天39.3，今天没超过38
                subject = Subject("temperature", index, implied=True)
        elif read is not None:
            unreadable.append(near.vital if near else scene.asked[0] if scene.asked else _USUAL.get(token.amount.dimension, ""))
    found += _off_scale(scene.text)
    return sorted(found, key=lambda quantity: quantity.start), unreadable


def _off_scale(folded: str) -> Iterator[Quantity]:
    """血糖仪显示 HI or LO: beyond what the meter can show (vitals.yml, glucose)."""
    if "糖" not in folded:
        return
    for match in _OFF_SCALE.finditer(folded):
        if match["high"] or match["bust"]:
            yield Quantity(*match.span(), "glucose", 33.4, precision="more_than")
        else:
            yield Quantity(*match.span(), "glucose", 1.0, precision="less_than")


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
