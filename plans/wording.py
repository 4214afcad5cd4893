"""The sentences that do not belong to one template, kept in wording.yml."""

from pathlib import Path

from plans.sentences import Sentences

_SENTENCES = Sentences(Path(__file__).with_name("wording.yml"))
say, words = _SENTENCES.say, _SENTENCES.group
