"""The pages of the reference: of modules, for mkdocstrings to fill with their docstrings, and of the HTTP edges, from openapi.yml."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
METHODS = ("get", "post", "put", "patch", "delete")
# What one is most likely to build on, by page.
MODULES = {
    "records": (
        "Records",
        "database patient role state care_plan observation flag chat message tag cohort",
    ),
    "tagging": (
        "Language and cohorts",
        "understanding triage patient content cohort.parse cohort.explain tags",
    ),
    "plans": (
        "Plans",
        "template template.step enrolment changing planning finding content.lifecycle mass_message.write",
    ),
    "integrations": (
        "Outside systems",
        "wecom.client wecom.callback push sms.port speech hl7.read event",
    ),
}


def modules() -> dict[str, str]:
    """A page for each group, by name. Raises ValueError for a module that is not there."""
    pages = {}
    for folder, (title, names) in MODULES.items():
        lines = [f"# {title}", ""]
        for name in names.split():
            place = ROOT / folder / name.replace(".", "/")
            if not (place.with_suffix(".py").exists() or (place / "__init__.py").exists()):
                raise ValueError(f"reference.py names {folder}.{name}, which is not there")
            lines += [f"::: {folder}.{name}", ""]
        pages[folder] = "\n".join(lines)
    return pages


def http(path: Path) -> str:
    """Every path of an OpenAPI file, with what it does."""
    api: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    lines = ["# HTTP", "", f"The service's edges for programs. The file itself, for your tools: [{path.name}](../{path.name}).", ""]
    lines += ["| | path | what it does |", "|---|---|---|"]
    for place, item in api["paths"].items():
        for method in METHODS:
            if method in item:
                said = item[method].get("summary") or item[method].get("description", "").split("\n")[0]
                lines.append(f"| {method.upper()} | `{place}` | {said.replace('|', '/')} |")
    return "\n".join(lines) + "\n"
