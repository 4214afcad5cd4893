"""The sentences of words.yml."""

from pathlib import Path

from plans.sentences import Sentences

_SENTENCES = Sentences(Path(__file__).with_name("words.yml"))
say, words = _SENTENCES.say, _SENTENCES.group
