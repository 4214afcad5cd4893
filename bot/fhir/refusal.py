"""Every no of the edge: a status, an OperationOutcome with a code and a place, and words for whoever connects the two systems."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.fhir.codes import OURS
from integrations.fhir.write import Json, issue, outcome


class FhirRefusal(Exception):
    """The request cannot be answered. `code` is one of refusals.yml; `path` is where it is wrong: a parameter's name or a FHIRPath."""

    permanent = True

    def __init__(self, code: str, *, path: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code, self.path, self.headers = code, path, headers or {}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(_entry(self.code)["status"])

    @property
    def outcome(self) -> Json:
        """The body."""
        return outcome(issue_of(self.code, self.path))


def issue_of(code: str, path: str = "", *, severity: str = "error") -> Json:
    """One issue with the words of refusals.yml."""
    entry = _entry(code)
    return issue(severity, entry["issue"], code=code, text=entry["text"], path=path, system=f"{OURS}:refusal")


@cache
def refusals() -> dict[str, Any]:
    """The table of refusals.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("refusals.yml").read_text("utf-8"))
    return loaded


def _entry(code: str) -> dict[str, Any]:
    # Whoever applies events has codes of his own, and may get more: an unknown one is still an answer.
    return dict(refusals().get(code) or refusals()["unprocessable"])
