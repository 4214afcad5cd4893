"""What a plan's rules want a clinician to know; the caller raises it as a Flag in its own transaction."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Alert:
    """`level` and `category` are those of records.flag; `because` is one line for the clinician, `advice` the family's first action.

    `evidence` is what Flag keeps: the rule with its version and source, and what it saw. `advice` never claims that somebody was told.
    """

    level: str
    category: str
    because: str
    evidence: tuple[dict[str, Any], ...]
    rule: str
    advice: str
