"""Where templates are found: every version that was ever shipped stays there for those who are enrolled on it."""

from functools import cache
from pathlib import Path

from plans.template.mistake import sentence
from plans.template.plan import PlanTemplate, read_template
from plans.template.strict import TemplateError

FOLDER = Path(__file__).parents[1] / "templates"


@cache
def _all(folder: Path) -> dict[tuple[str, int], PlanTemplate]:
    found: dict[tuple[str, int], PlanTemplate] = {}
    for path in sorted(folder.glob("*.yml")):
        template = read_template(path)
        if (key := (template.id, template.version)) in found:
            raise TemplateError(f"{path.name}: {sentence('version_twice', id=template.id, version=template.version)}")
        found[key] = template
    return found


def shipped() -> frozenset[tuple[str, int]]:
    """Every id and version that is there as a file."""
    return frozenset(_all(FOLDER))


def load_templates(folder: Path | None = None) -> dict[str, PlanTemplate]:
    """The newest version of each template, by id. Raises TemplateError."""
    versions = _all(folder or FOLDER)
    return {id: versions[id, max(v for i, v in versions if i == id)] for id, _ in versions}


def find_template(id: str, version: int, folder: Path | None = None) -> PlanTemplate:
    """The very version that a patient was enrolled on; old versions stay in the folder. Raises TemplateError when it is gone."""
    try:
        return _all(folder or FOLDER)[id, version]
    except KeyError as err:
        raise TemplateError(sentence("version_gone", id=id, version=version)) from err
