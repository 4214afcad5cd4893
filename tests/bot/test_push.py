"""The door to all channels."""

from datetime import UTC, datetime

import pytest

from bot.push import PushPorts
from integrations.push import PushFields, PushRefused

FIELDS = PushFields("task", datetime(2026, 3, 2, 1, tzinfo=UTC))


async def test_a_channel_that_is_not_configured_says_so() -> None:
    ports = PushPorts()
    assert ports.channels == frozenset()
    with pytest.raises(PushRefused) as refused:
        await ports.push("sms", "13800138000", "task", FIELDS, "https://hospital.example/t", "task:1:push")
    assert (refused.value.code, refused.value.permanent) == ("not_configured", True)
    with pytest.raises(PushRefused):
        ports.consent_template("mini_program", "task")
