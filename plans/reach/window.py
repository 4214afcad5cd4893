"""The 48-hour window of a 微信客服 chat, with one message always kept in reserve for safety."""

from datetime import datetime

from plans.reach.purpose import is_proactive
from records.chat import WINDOW, WINDOW_MESSAGES, Chat
from records.message import CLINICIAN

# Of the five messages that WeCom allows after the family's last word (wecom-api §3.5), an alert must always find one left.
RESERVE = 1


def left(chat: Chat, purpose: str, now: datetime) -> int:
    """How many messages of this purpose may still go out into the chat; 0 when WeCom takes none at all."""
    if not (chat.api_open(now) if purpose == CLINICIAN else chat.window_open(now)):
        return 0
    return max(0, WINDOW_MESSAGES - chat.window_used - (RESERVE if is_proactive(purpose) else 0))


def why_closed(chat: Chat | None, now: datetime) -> str:
    """Why nothing may go out: a key of wording.yml `undeliverable`."""
    if chat is None:
        return "no_chat"
    if chat.service_state == 4:
        return "chat_ended"
    if chat.window_from is not None and now < chat.window_from + WINDOW:
        return "over_quota"
    return "window_closed"
