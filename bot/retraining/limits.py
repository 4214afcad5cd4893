"""The numbers and lists of limits.yml."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict


class Limits(BaseModel):
    """As limits.yml explains them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unsure_below: float
    alike: float
    nearly_the_same: float
    fewest_examples: int
    most_times_median: float
    correcting: list[str]
    corrected_within_minutes: int
    answered_within_minutes: int
    traffic_days: int
    traffic_messages: int
    protected: list[str]
    heard: list[str]


@cache
def limits() -> Limits:
    """The limits, read once."""
    return Limits.model_validate(yaml.safe_load(Path(__file__).with_name("limits.yml").read_text("utf-8")))
