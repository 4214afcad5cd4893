"""What every authored file has in common: immutable, and a misspelt field is an error."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

Model = TypeVar("Model", bound="Strict")


class TemplateError(ValueError):
    """A template cannot be used; the message names the file, the field and what is wrong with it."""

    code, permanent = "template_invalid", True


class Strict(BaseModel):
    """Immutable, and a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_strict(path: Path, model: type[Model]) -> Model:
    """What `path` holds, as a `model`. Raises TemplateError naming the file and each field that is wrong."""
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return model.model_validate(raw)
    except yaml.YAMLError as err:
        raise TemplateError(f"{path.name}: not YAML: {err}") from err
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in err.errors())
        raise TemplateError(f"{path.name}: {wrong}") from err
