"""WeCom's script for pages beside a chat: where it comes from, and the signatures by which WeCom knows a page of ours."""

from typing import Any, Protocol


class ChatSdk(Protocol):
    """WeCom's JS-SDK, as the composition root joins it to the client."""

    @property
    def script(self) -> str:
        """The script's address, at WeCom's own host (in the sandbox at ours)."""
        ...

    async def signed(self, url: str, nonce: str) -> dict[str, Any]:
        """What the page at `url` hands to `ww.register`: corpId, agentId, and the signatures `config` and `agentConfig`.

        Raises the client's errors when WeCom cannot be asked.
        """
        ...
