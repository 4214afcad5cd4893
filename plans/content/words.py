"""What editors, clinicians and families read about contents, kept in words.yml."""

from pathlib import Path

from plans.sentences import Sentences

_SENTENCES = Sentences(Path(__file__).with_name("words.yml"))
say, table = _SENTENCES.say, _SENTENCES.group


class ContentRefused(Exception):
    """What was asked of the content centre cannot be done; the text is a Chinese sentence that says why (words.yml `refused`)."""

    permanent = True

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(say(f"refused.{code}", **values))
        self.code = code
