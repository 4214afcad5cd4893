"""One reason for or against a tag, before it is written down."""

from dataclasses import dataclass
from datetime import datetime

from records.tag import TAG_SOURCES

Key = tuple[bool, str, int, str]
# In front of the id of a rule that adapts care (plans/adaptation): what it gave stands by itself, as a decision does.
ADAPTS = "adapt:"
# From here on what is said counts as sure (R): a hospital's data, a person, a rule over either. Below stand words of families and models.
SURE = 0.8


@dataclass(frozen=True)
class Evidence:
    """`because` in words, in Chinese, for clinicians. `ref_kind` and `ref_id` name the row that says it, `rule` what read it so.

    `at` is when it was last true or said, `since` when it began, where that is known and earlier. What comes from a row names the rule
    that read it, so that the same reason counts once.
    """

    source: str
    because: str
    at: datetime
    against: bool = False
    ref_kind: str | None = None
    ref_id: int | None = None
    rule: str | None = None
    rule_version: int | None = None
    confidence: float = 1.0
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.source not in TAG_SOURCES or not 0 <= self.confidence <= 1 or self.at.tzinfo is None:
            raise ValueError("evidence needs a known source, a confidence of 0 to 1 and an aware instant")
        if (self.ref_id is None) != (self.ref_kind is None) or (self.ref_id is not None and self.rule is None):
            raise ValueError("evidence from a row names its kind, its id and the rule")

    @property
    def key(self) -> Key | None:
        """What makes it the same reason again; None for a person's word, which is new each time."""
        if self.ref_kind is None or self.ref_id is None or self.rule is None:
            return None
        return self.against, self.ref_kind, self.ref_id, self.rule

    @property
    def author(self) -> str:
        """Who is to be asked about it, where it is not a person."""
        return self.rule or self.source


def premised(source: str, rule: str | None) -> bool:
    """Whether a reason stands only as long as its rule's premise holds; what somebody said stands by itself."""
    return rule is not None and source in ("his", "rule") and not adapted(rule)


def adapted(rule: str | None) -> bool:
    """Whether a rule that adapts care gave this reason."""
    return rule is not None and rule.startswith(ADAPTS)
