"""The sentences of planning.yml."""

from pathlib import Path

from plans.sentences import Sentences

_SENTENCES = Sentences(Path(__file__).with_name("planning.yml"))
say, words = _SENTENCES.say, _SENTENCES.group
