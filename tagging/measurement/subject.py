"""The vital that is being talked about."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Subject:
    """A vital named by token `named`; `last` is the last amount read as that vital; `implied` if only a value, not a word, named it.

    `far` and `unknown` describe the way to the number.
    """

    vital: str
    named: int
    last: int | None = None
    far: bool = False
    unknown: int = 0
    implied: bool = False

    @property
    def index(self) -> int:
        """The token that named it."""
        return self.named

    @property
    def anchor(self) -> int:
        """The token from which distances count."""
        return self.named if self.last is None else self.last

    def across(self, far: bool, unknown: int) -> "Subject":
        """The same with the way to the number: `far` if a comma stands between, `unknown` characters."""
        return replace(self, far=far, unknown=unknown)
