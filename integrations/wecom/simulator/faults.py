"""Failures on demand: which call fails next, how, and for how long."""

from dataclasses import dataclass
from typing import Any

from integrations.wecom.simulator.errors import ControlError

ANY_PATH = "*"


@dataclass
class Fault:
    """One order to fail. `path` is without `cgi-bin/`, or `*`; `times` counts calls, None is for ever.

    One of errcode, http_status, body (sent as it is) or drop (the connection is cut); `delay` (real seconds) alone or with them.
    `window` (seconds of the simulator's clock, from the first hit) keeps refusing instead of counting, as a rate limit does.
    `after` lets the call take effect first, so that only its answer is lost.
    """

    path: str
    times: int | None = 1
    errcode: int | None = None
    http_status: int | None = None
    body: str | None = None
    drop: bool = False
    delay: float = 0.0
    window: float | None = None
    after: bool = False
    until: float | None = None


class Faults:
    """The standing orders, oldest first."""

    def __init__(self) -> None:
        self.orders: list[Fault] = []

    def add(self, order: dict[str, Any]) -> None:
        """Take an order as the control API gives it; raises ControlError(400) for one that means nothing."""
        known = {"path", "times", "errcode", "http_status", "body", "drop", "delay", "window", "after"}
        if unknown := order.keys() - known:
            raise ControlError(400, f"unknown fault field {sorted(unknown)[0]}")
        if not isinstance(order.get("path"), str):
            raise ControlError(400, "a fault needs a path, such as kf/send_msg, or *")
        if not order.keys() & {"errcode", "http_status", "body", "drop", "delay"}:
            raise ControlError(400, "a fault needs one of errcode, http_status, body, drop, delay")
        self.orders.append(Fault(**{**order, "path": order["path"].removeprefix("/cgi-bin/").strip("/")}))

    def take(self, path: str, now: float) -> Fault | None:
        """The fault that this call meets, if any; counts it."""
        for order in self.orders:
            if order.path not in (path, ANY_PATH):
                continue
            if order.window is not None:
                order.until = now + order.window if order.until is None else order.until
                if now >= order.until:
                    self.orders.remove(order)
                    return self.take(path, now)
                return order
            if order.times is not None:
                order.times -= 1
                if order.times <= 0:
                    self.orders.remove(order)
            return order
        return None

    def clear(self) -> None:
        """Forget all orders."""
        self.orders.clear()
