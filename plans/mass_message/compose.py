"""What a mass message says: checked before anybody else sees it. Pure."""

from collections.abc import Sequence
from string import Formatter

from plans.content.check import banned_in
from plans.mass_message.errors import MassRefused
from plans.mass_message.words import say

# A text of 微信客服 holds 2048 bytes (wecom-api §3.5); the rest is room for children's names.
MOST_BYTES = 1900
FIELDS = frozenset({"name"})


def check_text(text: str) -> str:
    """`text`, trimmed. Raises MassRefused: `empty`, `too_long`, `brace`, `placeholder`, `banned`."""
    trimmed = text.strip()
    if not trimmed:
        raise MassRefused("empty")
    if (found := len(trimmed.encode())) > MOST_BYTES:
        raise MassRefused("too_long", most=MOST_BYTES, characters=MOST_BYTES // 3, found=found)
    try:
        fields = [(field, bool(spec or conversion)) for _, field, spec, conversion in Formatter().parse(trimmed) if field is not None]
    except ValueError as err:
        raise MassRefused("brace") from err
    for field, shaped in fields:
        if field not in FIELDS or shaped:
            raise MassRefused("placeholder", name="{" + field + "}")
    if banned := banned_in(say("message.field"), trimmed):
        raise MassRefused("banned", found="；".join(banned))
    return trimmed


def fill(text: str, names: Sequence[str]) -> str:
    """The message for one family: the children's names, joined."""
    return text.format(name=say("message.join").join(names))
