"""What a rule score says: level, points, and each reason in words. A score decides nothing; it may become evidence for a tag."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from tagging.folder import read_yaml
from tagging.tables import Table

FILE = Path(__file__).parent / "texts.yml"

# none: looked at and nothing found. watch: to be looked at in time. concern: somebody should look.
Level = Literal["none", "watch", "concern"]


class _Score(Table):
    version: int
    name: str
    source: str
    caution: str
    tag: str | None = None
    reasons: Mapping[str, str]


class _File(Table):
    scores: Mapping[str, _Score]


@dataclass(frozen=True)
class Reason:
    """One rule that fired, in words for clinicians. `rule` is its key in texts.yml."""

    rule: str
    text: str


@dataclass(frozen=True)
class RiskScore:
    """The result of one score of texts.yml at a moment. `points` is None where the score has none, `of` how many could have been reached.

    `known` and `wanted` say how much of what the score looks at was there: a low score of little is not reassuring.
    """

    id: str
    level: Level
    at: datetime
    reasons: tuple[Reason, ...] = ()
    points: float | None = None
    of: float | None = None
    known: int = 0
    wanted: int = 0
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The version of the rules that were applied."""
        return about(self.id).version

    @property
    def name(self) -> str:
        """What clinicians call it."""
        return about(self.id).name

    @property
    def source(self) -> str:
        """Where its rules come from."""
        return about(self.id).source

    @property
    def caution(self) -> str:
        """What it is not."""
        return about(self.id).caution

    @property
    def tag(self) -> str | None:
        """The tag for which a concern may speak, as the library calls it."""
        return about(self.id).tag if self.level == "concern" else None


def about(score: str) -> _Score:
    """The entry of texts.yml. Raises KeyError."""
    return _texts().scores[score]


def reason(score: str, rule: str, **values: object) -> Reason:
    """A reason in its words. Raises KeyError for one that texts.yml does not know."""
    return Reason(rule, about(score).reasons[rule].format(**values))


@cache
def _texts() -> _File:
    return _File.model_validate(read_yaml(FILE))
