"""Sentences of the cohort language in a template: read when it is checked, so that a slip is found before anybody is enrolled."""

from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from plans.template.mistake import mistake
from tagging.cohort.parse import parse
from tagging.cohort.query import Query
from tagging.cohort.words import CohortError


@lru_cache(maxsize=2000)
def query_of_condition(sentence: str) -> Query:
    """The tree of a condition. Raises CohortError."""
    return parse(sentence)


def _readable(sentence: str) -> str:
    try:
        query_of_condition(sentence)
    except CohortError as err:
        raise mistake("condition", error=str(err).rstrip("。")) from err
    return sentence


# Tags and teams are the hospital's: whether they are there is looked at when it is published (plans/publishing.py).
Condition = Annotated[str, AfterValidator(_readable)]
