"""When, where and under what circumstances a value was taken."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene
from tagging.moment import Moment

_TAKEN = re.compile(r"\s?(?:的时候|时候?)?(?:[量测称拉尿吃喝烧]|的|$|[，。！？,)）;；]|左右|那会)")
# A time in another clause dates the value only if nothing else happened in between.
SAME_EVENT = 3
_AFTER_HOURS = re.compile(r"后?\s?(?:了|的)?\s?(?P<amount>\d|[一两二三四半])个?(?P<half>半)?(?:小时|钟头|h)")
_SITED = frozenset({"temperature", "bilirubin"})


@dataclass(frozen=True)
class Circumstance:
    """`at`: the instant told; `since` and `until`: the span meant where it is vague; `site` and `condition` as in measurements.yml."""

    at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    site: str | None = None
    condition: str | None = None


def circumstance(scene: Scene, moments: Sequence[Moment], start: int, end: int, vital: str) -> Circumstance:
    """What the text says around the value at [start, end)."""
    index = bisect_left(scene.tokens, start, key=lambda token: token.start)
    moment = _before(scene, moments, index, vital) or _afterwards(scene, moments, index, end)
    site = _role(scene, index, "site") if vital in _SITED else None
    condition = _role(scene, index, "condition")
    if moment is None:
        return Circumstance(site=site, condition=condition)
    return Circumstance(moment.at, moment.since, moment.until, site, condition)


def _moment_at(moments: Sequence[Moment], token: Token) -> Moment | None:
    """The last moment within a token of time."""
    place = bisect_left(moments, token.end, key=lambda moment: moment.start) - 1
    return moments[place] if place >= 0 and moments[place].start >= token.start else None


def _before(scene: Scene, moments: Sequence[Moment], index: int, vital: str) -> Moment | None:
    clause, _ = scene.clause(min(index, len(scene.tokens) - 1))
    since: Moment | None = None
    for place in range(index - 1, max(-1, index - 24), -1):
        token = scene.tokens[place]
        if token.kind == "strong":
            return None
        if token.kind == "moment":
            moment = _moment_at(moments, token)
            if moment is None or moment.onset:
                since = since or moment
                continue
            if since and since.at and moment.at and moment.at < since.at:
                # 前天39.1，今天转院，体温36.7: measured since then.
                return None
            # A count of nothing may stand behind the last token of an endless text.
            if place < clause and (index == len(scene.tokens) or scene.unknown_between(place, index) > SAME_EVENT):
                return None
            return moment
    return None


def _afterwards(scene: Scene, moments: Sequence[Moment], index: int, end: int) -> Moment | None:
    """38.5，刚量的: a time behind the value, when no other value follows it."""
    place = index + 1
    while place < len(scene.tokens) and place < index + 5:
        token = scene.tokens[place]
        if token.start < end or token.kind == "weak" or (token.roles.filler and not token.roles.vital):
            place += 1
            continue
        if token.kind != "moment" or token.start - end > 3:
            return None
        moment = _moment_at(moments, token)
        following = scene.tokens[place + 1 : place + 5]
        taken = any(later.amount is not None and later.amount.unit != "time" for later in _same_clause(following))
        return moment if moment and not moment.onset and not taken and _TAKEN.match(scene.text, token.end) else None
    return None


def _same_clause(tokens: Sequence[Token]) -> list[Token]:
    kept = []
    for token in tokens:
        if token.kind in ("weak", "strong") and not token.text.isspace():
            break
        kept.append(token)
    return kept


def _role(scene: Scene, index: int, role: str) -> str | None:
    """The nearest site or condition before the value in its sentence, not beyond another value; else directly behind it."""
    for place in range(index - 1, max(-1, index - 10), -1):
        token = scene.tokens[place]
        if token.kind == "strong" or (token.amount is not None and token.amount.unit not in ("time", "times")):
            break
        found: str | None = getattr(token.roles, role)
        if found:
            if scene.unknown_between(place, index) > 6:
                break
            return found + _hours(scene, place) if role == "condition" else found
    for place in range(index + 1, min(len(scene.tokens), index + 4)):
        token = scene.tokens[place]
        found = getattr(token.roles, role)
        if found:
            leads_on = any(later.amount is not None for later in scene.tokens[place + 1 : place + 3])
            return None if leads_on else found + (_hours(scene, place) if role == "condition" else "")
        if token.kind == "strong" or token.amount is not None or not (token.roles.filler or token.kind in ("weak", "link")):
            break
    return None


def _hours(scene: Scene, place: int) -> str:
    """The hours of 餐后2小时, as a suffix of the condition."""
    token = scene.tokens[place]
    match = _AFTER_HOURS.match(scene.text, token.end)
    if not match or not token.roles.condition or not token.roles.condition.startswith("after"):
        return ""
    amount = {"一": 1.0, "两": 2.0, "二": 2.0, "三": 3.0, "四": 4.0, "半": 0.5}.get(match["amount"]) or float(match["amount"])
    return f"_{amount + (0.5 if match['half'] else 0):g}h"
