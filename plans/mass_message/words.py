"""The sentences of words.yml."""

from pathlib import Path

from plans.sentences import Sentences
from plans.wording import words as wording

_SENTENCES = Sentences(Path(__file__).with_name("words.yml"))
say, words = _SENTENCES.say, _SENTENCES.group


def route_name(route: str) -> str:
    """A route in Chinese."""
    return str(words("routes").get(route, route))


def contact_name(state: str) -> str:
    """What became of an attempt, in Chinese."""
    return str(words("contacts").get(state, state))


def reason_name(reason: str) -> str:
    """Why a family waits or was left out, in Chinese."""
    return str(words("reasons").get(reason) or wording("undeliverable").get(reason, reason))
