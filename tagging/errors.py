"""Errors of the language and triage layer."""


class TaggingError(Exception):
    """Something this layer cannot work with. `code` says what kind, `permanent` whether trying again is useless."""

    def __init__(self, code: str, message: str, *, permanent: bool = True):
        super().__init__(message)
        self.code, self.permanent = code, permanent


class ContentError(TaggingError):
    """A clinical table says something that cannot be used; the message names the place."""


class InputError(TaggingError):
    """A line or value given from outside is not in the agreed form."""
