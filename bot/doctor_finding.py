"""One line of what `careloop doctor` says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    ok: bool
    text: str
