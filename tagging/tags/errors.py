"""Errors about tags."""


class TagError(Exception):
    """What was asked about a tag cannot be done; the sentence says why. `code`: library, unknown_tag, refused, rules."""

    permanent = True

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
