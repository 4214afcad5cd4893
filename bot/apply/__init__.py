"""What hospital systems tell, brought into the record: one message, one call, all its effects in the caller's transaction."""

from bot.apply.apply import apply, apply_all
from bot.apply.errors import ApplyError, NeedsPerson

__all__ = ["ApplyError", "NeedsPerson", "apply", "apply_all"]
