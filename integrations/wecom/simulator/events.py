"""Live news for pages that watch the simulator (server-sent events)."""

import asyncio
from typing import Any

_BACKLOG = 1000


class Hub:
    """Hands each published event to every open listener. A listener that falls far behind loses the oldest events."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._closed = False

    def publish(self, kind: str, **fields: Any) -> None:
        """Tell all listeners; costs nothing when there are none."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait({"kind": kind, **fields})

    def listen(self) -> asyncio.Queue[dict[str, Any] | None]:
        """A new listener's queue; None in it means that the simulator stops."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(_BACKLOG)
        if self._closed:
            queue.put_nowait(None)
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)

    def close(self) -> None:
        """End every listener, so that open streams do not hold up a stop."""
        self._closed = True
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
