"""What clinicians read about experiments, from texts.yml, and the error that says it."""

from pathlib import Path

from plans.sentences import Sentences

say = Sentences(Path(__file__).with_name("texts.yml")).say


class ExperimentRefused(ValueError):
    """It cannot be done; `code` says why, the text is a sentence for a clinician."""

    permanent = True

    def __init__(self, code: str, **values: object):
        super().__init__(say(f"refused.{code}", **values))
        self.code = code
