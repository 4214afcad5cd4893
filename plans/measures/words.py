"""What people read of measures, from words.yml."""

from pathlib import Path

from plans.sentences import Sentences

_group = Sentences(Path(__file__).with_name("words.yml")).group


def title(measure: str) -> str:
    """A measure's name."""
    return str(_group("measures")[measure]["title"])


def definition(measure: str) -> str:
    """A measure's definition in one sentence, numerator over denominator, with its source."""
    return str(_group("measures")[measure]["is"])


def word(group: str, name: str, **values: object) -> str:
    """The text `name` of a group, its placeholders filled. Raises KeyError where there is none."""
    return str(_group(group)[name]).format(**values)


def value_of(dimension: str, value: str) -> str:
    """A value of a dimension as people read it."""
    known = _group("values").get(dimension, {})
    return str(known.get(value, value or _group("values")["none"]))
