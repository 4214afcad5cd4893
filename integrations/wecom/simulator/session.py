"""The kf session of one chat: states, moves, and the reply window. Pure: it changes only the Chat it is given."""

from collections.abc import Mapping, Sequence

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.state import Chat

NEW, BOT, POOL, HUMAN, ENDED = range(5)
WINDOW = 48 * 3600.0  # seconds from the last customer message
MAX_REPLIES = 5
TOO_LATE, TOO_MANY = 95002, 95001
FAIL_TYPE = {TOO_LATE: 4, TOO_MANY: 6}
WELCOME_LIFETIME = 20.0
PROMPT_LIFETIME = 48 * 3600.0
END_LIFETIME = 20.0


def in_window(chat: Chat, now: float) -> bool:
    """Whether the customer wrote within the last 48 h."""
    return chat.last_customer_at is not None and now - chat.last_customer_at < WINDOW


def effective_state(chat: Chat, now: float) -> int:
    """The state as the platform reports it: a session ends by itself after 48 h without customer or servicer."""
    return chat.service_state if chat.active_at is not None and now - chat.active_at < WINDOW else ENDED


def replies_left(chat: Chat, now: float) -> int:
    """How many messages the API may still send."""
    return max(0, MAX_REPLIES - chat.replies) if in_window(chat, now) else 0


def check_state_allows_send(chat: Chat) -> None:
    """Raise 95018 unless the bot owns the chat."""
    if chat.service_state not in (NEW, BOT):
        raise ApiError(95018)


def closed_window(chat: Chat, now: float) -> int | None:
    """95002 or 95001 if the window is shut; None if a message may go."""
    if not in_window(chat, now):
        return TOO_LATE
    return TOO_MANY if chat.replies >= MAX_REPLIES else None


def note_reply(chat: Chat) -> None:
    """An API message was accepted: it counts, and an unhandled chat becomes the bot's."""
    chat.replies += 1
    if chat.service_state == NEW:
        chat.service_state = BOT


def note_customer_message(chat: Chat, now: float) -> bool:
    """A customer message resets the window; True if it began a new session."""
    begins = effective_state(chat, now) == ENDED
    if begins:
        chat.service_state, chat.servicer_userid, chat.handed_over = NEW, "", False
        chat.session += 1
        chat.session_starts.append(now)
    chat.active_at = chat.last_customer_at = now
    chat.replies = 0
    return begins


def check_move(chat: Chat, target: int, moves: Mapping[int, Sequence[int]], now: float) -> None:
    """Raise 95013 if the session is over and 95016 if the table does not allow the move."""
    state = effective_state(chat, now)
    if target in moves.get(state, ()):
        return
    raise ApiError(95013 if state == ENDED else 95016)


def move(chat: Chat, target: int, servicer: str = "") -> None:
    """Put the chat into `target`; `servicer` is who owns it in state 3."""
    if chat.servicer_userid:
        chat.last_servicer = chat.servicer_userid
    chat.service_state = target
    chat.servicer_userid = servicer if target == HUMAN else ""
    if target == HUMAN:
        chat.last_servicer = servicer


def prompt_for_move(chat: Chat, target: int) -> tuple[float, list[str]] | None:
    """Lifetime and message types of the msg_code that a move earns; None if it earns none.

    The first move to the pool or to a human gives a text prompt for 48 h, the end gives text or menu for 20 s.
    """
    if target == ENDED:
        return END_LIFETIME, ["text", "msgmenu"]
    if target in (POOL, HUMAN) and not (target == HUMAN and chat.handed_over):
        return PROMPT_LIFETIME, ["text"]
    return None
