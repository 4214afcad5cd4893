"""What becomes of what a family writes, and the withdrawal of its consent."""

from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.answer import is_certain, not_understood
from actions.speech import named, rest
from actions.turn import Turn, turn_of
from plans import privacy
from records.patient import Carer

# 撤回, 删除 and their like; without one of them only a certain reading is taken for a withdrawal.
_ABOUT_DATA = ("撤", "删", "注销", "解绑", "解除", "同意", "授权", "资料", "信息", "数据", "记录", "保存")


class Privacy(Action):
    """Answers from the same text that was agreed to."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_privacy"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Say what is kept, why, who sees it, and how to withdraw."""
        dispatcher.utter_message(text=privacy.about())
        return []


class WithdrawConsent(Action):
    """Asks once whether the family means it; said twice, it is meant."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_withdraw_consent"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Confirm, with the names of the children that it is about."""
        pending = tracker.get_slot("pending") or {}
        async with turn_of(tracker) as turn:
            if pending.get("kind") == "withdraw":
                return await withdraw(turn, dispatcher, pending)
            if not is_certain(tracker) and not any(word in turn.text for word in _ABOUT_DATA):
                return not_understood(tracker, dispatcher)
            meant = named(turn) or turn.patients
        if not meant:
            dispatcher.utter_message(response="utter_nothing_to_withdraw")
            return rest()
        dispatcher.utter_message(response="utter_confirm_withdraw", names="、".join(patient.name for patient in meant))
        return [SlotSet("pending", {"kind": "withdraw", "patients": [patient.id for patient in meant]}), *rest()]


async def withdraw(turn: Turn, dispatcher: Any, pending: dict[str, Any]) -> list[dict[str, Any]]:
    """Withdraw the consent for the children that were named, and say what follows."""
    carer = await turn.tx.get(Carer, turn.chat.carer_id) if turn.chat.carer_id is not None else None
    meant = [patient for patient in turn.patients if patient.id in pending["patients"]]
    if carer is None or not meant:
        dispatcher.utter_message(response="utter_nothing_to_withdraw")
        return [SlotSet("pending", None), *rest()]
    said, message_id = turn.text, turn.message_id
    dispatcher.utter_message(text=await privacy.withdraw(turn.tx, turn.chat, carer, meant, said=said, message_id=message_id, now=turn.now))
    for patient in meant:
        turn.patients.remove(patient)
    if turn.patient in meant:
        turn.patient = None
    return [SlotSet("pending", None), *rest()]
