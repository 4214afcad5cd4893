"""What pages ask of the installation itself, as the composition root joins it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.doctor_finding import Finding
from bot.settings import Settings
from bot.staff_sync import Corp


@dataclass(frozen=True)
class Installation:
    """The settings, `check` (what `careloop doctor` says, live) and `directory` (WeCom's, read whole). Both ask others over the network."""

    settings: Settings
    check: Callable[[], Awaitable[list[Finding]]]
    directory: Callable[[], Awaitable[Corp]]
