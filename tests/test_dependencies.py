"""What is installed is decided: licences by a policy, known holes one by one; and a bill of materials that holds all of it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DECIDED = yaml.safe_load((ROOT / "docs" / "dependencies.yml").read_text("utf-8"))


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ROOT / "script" / "sbom.py", *arguments], capture_output=True, text=True, check=False)


def test_every_package_is_allowed_or_decided_and_the_bill_names_it(tmp_path: Path) -> None:
    done = audit("--sbom", str(tmp_path / "bill.json"))
    assert (done.returncode, done.stderr) == (0, "")
    bill = json.loads((tmp_path / "bill.json").read_text("utf-8"))
    lock = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    parts = {part["name"]: part for part in bill["components"]}
    assert lock.items() <= {(name, part["version"]) for name, part in parts.items()} and {"postgresql", "echarts"} <= parts.keys()
    assert (parts["rasa"]["scope"], parts["schemathesis"]["scope"]) == ("required", "excluded")
    refs = [part["bom-ref"] for part in bill["components"]]
    assert len(set(refs)) == len(refs) and all(part["licenses"][0]["expression"] for part in bill["components"])
    ours = bill["metadata"]["component"]["bom-ref"]
    assert {each for row in bill["dependencies"] for each in (row["ref"], *row["dependsOn"])} <= {*refs, ours}


@pytest.mark.parametrize("hole", DECIDED["advisories"], ids=lambda hole: hole["package"])
def test_a_hole_is_decided_in_full(hole: dict[str, object]) -> None:
    assert {"package", "version", "ids", "about", "severity", "reachable", "why", "mitigation"} == hole.keys()
    assert hole["severity"] in ("low", "medium", "high", "critical") and all(hole[name] for name in ("about", "why", "mitigation"))
    # What can be reached and is grave is no decision but a task.
    assert not (hole["reachable"] and hole["severity"] in ("high", "critical"))


def test_what_lies_in_a_folder_of_others_is_on_the_bill() -> None:
    inside = {part["in"] for part in DECIDED["inside"]}
    vendored = [path for folder in ("console/static/vendor", "tests/console/vendor") for path in (ROOT / folder).glob("*.min.*")]
    assert vendored and {path.relative_to(ROOT).as_posix() for path in vendored} <= inside


def test_the_decided_holes_are_named_for_the_live_database() -> None:
    assert "CVE-2023-33976" in audit("--decided").stdout.split()
