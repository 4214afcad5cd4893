"""WeCom's error numbers, translated into the few classes our callers decide by."""

from dataclasses import dataclass


class WecomError(Exception):
    """A WeCom call failed.

    ``code``       our class; callers look at this and at ``permanent``, never at a text.
    ``errcode``    WeCom's number; None when no usable answer came.
    ``permanent``  True when the same call cannot succeed later without a change.
    ``retry_after`` seconds to leave this API alone (``rate_limited`` only).
    ``detail``     what was wrong, for the log: an API path, a field name, never a message's words.
    """

    def __init__(
        self,
        code: str,
        *,
        errcode: int | None = None,
        permanent: bool = False,
        retry_after: float | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(code, errcode, detail)
        self.code, self.errcode, self.permanent, self.retry_after, self.detail = code, errcode, permanent, retry_after, detail

    def __str__(self) -> str:
        number = "" if self.errcode is None else f" {self.errcode}"
        return f"{self.code}{number}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class Meaning:
    """What an error number means to us."""

    code: str
    permanent: bool


def _meanings(code: str, *errcodes: int, permanent: bool = True) -> dict[int, Meaning]:
    return dict.fromkeys(errcodes, Meaning(code, permanent))


# WeCom's global error table (doc:90313); kf numbers from the 微信客服 pages; 42014-42020 and 42052 from the card pages.
MEANINGS: dict[int, Meaning] = {
    **_meanings("busy", -1, permanent=False),
    **_meanings("token_stale", 40014, 42001, permanent=False),
    **_meanings("rate_limited", 45009, permanent=False),
    **_meanings("concurrency", 45033, permanent=False),
    # Wrong pair of corp id and secret, or a reset secret: asking again only gets gettoken blocked.
    **_meanings("bad_secret", 40001, 40013),
    # The app, the account, the caller's address or the console lacks a right: an administrator must act.
    **_meanings("not_granted", 40056, 48001, 48002, 48006, 48007, 50001, 50003, 60011, 60020, 60030, 301002, 42015),
    **_meanings("not_granted", 95011, 95012, 95017, 95021, 95023, 95030, 95032),
    **_meanings("bad_request", 40008, 40033, 40035, 40058, 40063, 41001, 41016, 43003),
    **_meanings("bad_request", 40068, 40071, 40072, 42012, 42014, 42016, 42017, 42018, 42019, 42020, 42052, 95006, 95008, 95009, 95022),
    # 42027-42051: a template card's pieces, each badly formed in its own way.
    **_meanings("bad_request", *range(42027, 42052)),
    **_meanings("too_large", 40206, 45001, 45002, 830002),
    **_meanings("limit_reached", 40126, 40128, 95003, 95005, 95015, 95026, 95027),
    **_meanings("content_refused", 40201, 40204),
    **_meanings("media_gone", 40007),
    **_meanings("no_recipient", 40003, 40096, 41048, 46004, 60111, 81013, 82001),
    **_meanings("not_a_friend", 84061),
    **_meanings("welcome_gone", 41050, 41051, 41053),
    **_meanings("being_sent", 41063, permanent=False),
    # Mass sends: no such message; stopped before; the members were reminded three times today. Numbers of our simulator, since the
    # platform's table does not list them.
    **_meanings("bad_request", 41046, 41047),
    **_meanings("mass_send_stopped", 41093),
    **_meanings("reminded_enough", 41094, permanent=False),
    **_meanings("no_department", 60003),
    **_meanings("login_code", 40029, 41008, 42003, 42022),
    **_meanings("outside_range", 50002),
    **_meanings("bad_signature", 40093),
    **_meanings("account_gone", 95000, 95004),
    # Not permanent: the next message of the customer opens the window again.
    **_meanings("over_quota", 95001, permanent=False),
    **_meanings("window_closed", 95002, 95031, permanent=False),
    **_meanings("sync_token_stale", 95007, permanent=False),
    **_meanings("session_ended", 95013),
    **_meanings("session_state", 95016, 95018, permanent=False),
    **_meanings("servicer_unavailable", 95014, 95019, permanent=False),
}

# Permanent, because a number we do not know is most often a parameter we got wrong, and a blind repeat of a send may double it.
UNKNOWN = Meaning("unknown_errcode", True)


def wecom_error(errcode: int, *, detail: str = "", retry_after: float | None = None) -> WecomError:
    """The error for a non-zero ``errcode``; one that is not in the table becomes ``unknown_errcode`` and permanent."""
    meaning = MEANINGS.get(errcode, UNKNOWN)
    return WecomError(meaning.code, errcode=errcode, permanent=meaning.permanent, retry_after=retry_after, detail=detail)


def bad_request(detail: str) -> WecomError:
    """What we refuse to send, found before the call; ``detail`` names the field and the rule."""
    return WecomError("bad_request", permanent=True, detail=detail)
