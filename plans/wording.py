"""The sentences that do not belong to one template, kept in wording.yml."""

from pathlib import Path

from plans.sentences import Sentences
from tagging.content import default_content
from tagging.vitals import get_vital

_SENTENCES = Sentences(Path(__file__).with_name("wording.yml"))
say, words = _SENTENCES.say, _SENTENCES.group


def vital_name(vital: str) -> str:
    """What families call the vital; its clinical name where they have no other. Raises InputError (`unknown_vital`)."""
    return str(words("vital_names").get(vital) or get_vital(default_content(), vital).name)


def vital_unit(vital: str, unit: str) -> str:
    """In what families count the vital, which the record keeps in `unit`."""
    return str(words("vital_units").get(vital) or words("unit_names").get(unit, unit))
