"""What clinicians read about experiments, from texts.yml, and the error that says it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("texts.yml").read_text("utf-8"))
    return loaded


def say(path: str, **values: object) -> str:
    """The sentence at `path` ("group.name") with its placeholders filled. Raises KeyError where there is none."""
    group, name = path.split(".")
    return str(_texts()[group][name]).format(**values)


class ExperimentRefused(ValueError):
    """It cannot be done; `code` says why, the text is a sentence for a clinician."""

    permanent = True

    def __init__(self, code: str, **values: object):
        super().__init__(say(f"refused.{code}", **values))
        self.code = code
