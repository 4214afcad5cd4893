"""WeChat's error numbers, translated into the few classes our callers decide by."""

from dataclasses import dataclass

from integrations.push import PushRefused


@dataclass(frozen=True)
class Meaning:
    """What an error number means to us."""

    code: str
    permanent: bool


def _meanings(code: str, *errcodes: int, permanent: bool = True) -> dict[int, Meaning]:
    return dict.fromkeys(errcodes, Meaning(code, permanent))


# The platform's global table of return codes, and the tables of template/send, subscribe/send, bizsend and jscode2session.
MEANINGS: dict[int, Meaning] = {
    **_meanings("busy", -1, 43108, 43116, permanent=False),
    **_meanings("token_stale", 40001, 40014, 42001, 41001, permanent=False),
    # The day's number of calls, or of messages to one person (40038: five a day for a long-term template).
    **_meanings("over_quota", 45009, 40038, 45047, permanent=False),
    **_meanings("rate_limited", 45011, 45033, 45035, permanent=False),
    **_meanings("bad_secret", 40013, 40125, 40243, 41002, 41004),
    # The account, its category or the caller's address lacks a right: an administrator must act.
    **_meanings("not_granted", 40164, 43107, 48001, 48004, 48006, 50001, 61004, 89501, 89503),
    **_meanings("bad_address", 40003, 40006, 40031, 50002),
    **_meanings("bad_template", 40036, 40037, 41012),
    **_meanings("bad_field", 40033, 40165, 41028, 41030, 44002, 45003, 47001, 47003),
    **_meanings("bad_link", 40039, 40048, 40066, 45005),
    # Does not follow the account, has it on the black list, or has not (or no longer) agreed to the template.
    **_meanings("not_subscribed", 43004, 43019, 43101),
    **_meanings("content_refused", 45168, 87014),
    # The same client_msg_id once more; the number is that of mass messages, template/send publishes none.
    **_meanings("repeated", 45065),
    **_meanings("login_code", 40029, 40163, 40226, 41008, 42003),
}

# Permanent, because a number we do not know is most often a parameter we got wrong, and a blind repeat of a send may double it.
UNKNOWN = Meaning("unknown_errcode", True)
# A day's quota begins anew at midnight of the platform; asking once an hour costs nothing. A minute's limit ends with the minute.
_LATER = {"over_quota": 3600.0, "rate_limited": 60.0}


class WeixinError(PushRefused):
    """A call to WeChat's API failed; the fields are those of PushRefused. ``detail`` names the API path, never a token or an openid."""


def weixin_error(errcode: int, *, detail: str = "") -> WeixinError:
    """The error for a non-zero ``errcode``; one that is not in the table becomes ``unknown_errcode`` and permanent."""
    meaning = MEANINGS.get(errcode, UNKNOWN)
    return WeixinError(meaning.code, permanent=meaning.permanent, errcode=errcode, retry_after=_LATER.get(meaning.code), detail=detail)
