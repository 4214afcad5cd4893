"""Why a mass message is refused."""

from plans.mass_message.words import say


class MassRefused(ValueError):
    """It cannot be done; the text is a sentence for the clinician, `code` says why."""

    permanent = True

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(say(f"refused.{code}", **values))
        self.code = code
