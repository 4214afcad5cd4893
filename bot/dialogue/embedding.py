"""Rasa's custom actions run in this process, by the same executor that a stock action server uses."""

import importlib
import json
import pkgutil
from contextvars import ContextVar
from typing import Any

from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection

import actions
from bot.tracing import span

# Rasa swallows what an action raises and goes on without its events; here it is kept for the turn to raise.
failures: ContextVar[list[Exception]] = ContextVar("failures")


class InProcessActions(EndpointConfig):
    """An action endpoint without a network."""

    def __init__(self) -> None:
        super().__init__(url="inprocess://actions", enable_selective_domain=True)
        for module in pkgutil.iter_modules(actions.__path__):
            importlib.import_module(f"actions.{module.name}")
        self.executor = ActionExecutor()
        self.executor.register_package("actions")

    async def request(self, *args: Any, json: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Run the action that `json` calls. Raises ClientResponseError 400 where it refuses to run, as the server would."""
        if failures.get():
            return {"events": [], "responses": []}
        try:
            with span("action", action=str((json or {}).get("next_action", ""))):
                return await self.executor.run(json)
        except ActionExecutionRejection as refused:
            raise ClientResponseError(400, "rejected", _rejection(refused)) from refused
        except Exception as err:
            failures.get().append(err)
            raise


def _rejection(refused: ActionExecutionRejection) -> str:
    return json.dumps({"error": refused.message, "action_name": refused.action_name})
