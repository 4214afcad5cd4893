"""What whoever calls us in the name of a platform is refused with. Light: the pages need no more of callbacks than this."""


class CallbackError(Exception):
    """A callback that is not accepted. ``code`` is our class, ``status`` the HTTP status to answer with."""

    def __init__(self, code: str, status: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.status, self.detail, self.permanent = code, status, detail, True

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code
