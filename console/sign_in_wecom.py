"""Signing in through WeCom: where to send the browser, and whose code it brings back."""

from typing import Protocol


class WecomSignIn(Protocol):
    """WeCom's OAuth, as the composition root joins it to the client."""

    def address(self, *, redirect_uri: str, state: str, inside: bool) -> str:
        """Where the browser goes: WeCom's silent page inside its client, the QR page elsewhere."""
        ...

    async def userid(self, code: str) -> str | None:
        """The userid whose code it is; None for a code that is wrong, used or expired, or of somebody who is not staff.

        Raises the client's errors when WeCom cannot be asked.
        """
        ...
