"""Names first, then their numbers: 体温、脉搏、呼吸分别是37.8、120、30, and tables copied from a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene

_PRESSURES = ("systolic_bp", "diastolic_bp")
# What stands over a column of milk.
_OF_MILK = ("奶量", "吃奶量")
_DIMENSIONS = {"temperature": "temperature", "weight": "mass", "birth_weight": "mass", "height": "length", "head_circumference": "length"}
_LEADS = ("分别", "依次", "各")


@dataclass
class Columns:
    """`vitals`: the vital of each number (by its token) that stands in a row as long as its heading; `unread`: tokens of other rows."""

    vitals: dict[int, str] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)


def find_columns(scene: Scene) -> Columns:
    """The numbers that stand below or behind a heading of at least two vitals."""
    found = Columns()
    place = 0
    while place < len(scene.tokens):
        names, after = _heading(scene, place)
        if len({token.roles.vital for token in names}) > 1:
            _read_rows(scene, [vital for token in names for vital in _vitals(token)], after, found)
        place = max(after, place + 1)
    return found


def _heading(scene: Scene, place: int) -> tuple[Sequence[Token], int]:
    """The names of vitals from token `place` on with nothing but separators between, and the first token behind them."""
    names: list[Token] = []
    after = place
    for at in range(place, len(scene.tokens)):
        token = scene.tokens[at]
        touches = at == place or token.start == scene.tokens[at - 1].end
        if touches and (token.roles.vital or token.text in _OF_MILK):
            names.append(token)
            after = at + 1
        elif not touches or at == place or not _separates(token):
            break
    return names, after


def _vitals(token: Token) -> Sequence[str]:
    if token.text in _OF_MILK:
        return ["feed_volume"]
    return list(_PRESSURES) if token.text in ("血压", "bp") else [token.roles.vital or ""]


def _separates(token: Token) -> bool:
    return token.kind == "weak" or (token.kind == "link" and token.text in ("、", "/")) or token.text in ("和", "及", "与")


def _fits(token: Token, heading: Sequence[str], column: int) -> bool:
    """Whether a number is bare or in the unit of its column."""
    dimension = token.amount.dimension if token.amount else None
    return dimension is None or (column < len(heading) and dimension == _DIMENSIONS.get(heading[column]))


def _read_rows(scene: Scene, heading: Sequence[str], place: int, found: Columns) -> None:
    """Give the rows behind the heading to its columns; a row of one number is left to the grammar, another length is not read."""
    rows: list[list[int]] = [[]]
    for at in range(place, len(scene.tokens)):
        token = scene.tokens[at]
        gap = scene.text[scene.tokens[at - 1].end : token.start]
        if gap and gap not in _LEADS:
            break
        if token.kind == "strong":
            if "\n" not in token.text:
                break
            rows.append([])
        elif token.amount is not None and _fits(token, heading, len(rows[-1])):
            rows[-1].append(at)
        elif token.roles.vital or token.roles.count or token.amount is not None:
            if token.amount is None or token.amount.unit != "time":
                return
        elif not (_separates(token) or token.kind == "moment" or token.roles.filler):
            break
    for row in rows:
        if len(row) == len(heading):
            found.vitals |= dict(zip(row, heading, strict=True))
        elif len(row) > 1:
            found.unread |= {at: heading[min(number, len(heading) - 1)] for number, at in enumerate(row)}
