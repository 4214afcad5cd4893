"""WeCom's replies as typed values."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from integrations.wecom.errors import WecomError


class Reply(BaseModel):
    """Base of what WeCom answers: frozen, unknown fields dropped, field names as in its documents."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


R = TypeVar("R", bound=Reply)


def read(kind: type[R], reply: Mapping[str, Any]) -> R:
    """``reply`` as ``kind``. Raises ``garbage_reply`` that names the fields; their values may be about a patient and stay out."""
    try:
        return kind.model_validate(reply)
    except ValidationError as err:
        places = ", ".join(".".join(str(part) for part in each["loc"]) for each in err.errors(include_input=False))
        raise WecomError("garbage_reply", detail=f"{kind.__name__}: {places}") from None


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: WeCom tells "left out" from "empty"."""
    return {name: value for name, value in fields.items() if value is not None}
