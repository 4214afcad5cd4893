"""A bill of materials (CycloneDX 1.6) of what is installed, and whether docs/dependencies.yml decides about all of it. By script/audit."""

import argparse
import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement

ROOT = Path(__file__).parent.parent
SPDX_TERM = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()]")
# What says no more than that there is a licence.
NO_LICENCE = "OSI Approved"


def locked() -> dict[str, str]:
    """Name and version of every package of the lock."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))


def decisions() -> dict[str, Any]:
    """docs/dependencies.yml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "dependencies.yml").read_text("utf-8"))
    return found


def licence_of(name: str, called: dict[str, str]) -> str:
    """What the package's own metadata say, in SPDX's words where they or `called` have them; empty when they say nothing."""
    told = metadata.metadata(name)
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    classified = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier", []) if each.startswith("License ::")]
    named = classified or [(told.get("License") or "").strip().partition("\n")[0][:60]]
    return " AND ".join(called.get(each, each) for each in named)


def undecided(decided: dict[str, Any]) -> list[str]:
    """What stands in the way: licences that are neither allowed nor decided, and decisions about what is no longer so."""
    wrong, lock, allowed = [], locked(), set(decided["allowed"])
    for name, version in lock.items():
        if metadata.version(name) != version:
            wrong.append(f"{name}: {metadata.version(name)} is installed, the lock has {version}")
        given = decided["decided"].get(name)
        licence = licence_of(name, decided["called"])
        if given is None and (not licence or not set(filter(None, SPDX_TERM.split(licence))) <= allowed):
            wrong.append(f"{name}: the licence {licence or '(none named)'} is neither allowed nor decided")
    wrong += [f"{name}: decided, but not in the lock" for name in decided["decided"] if name not in lock]
    for part in decided["inside"]:
        if not (ROOT / part["in"]).exists() and part["in"] not in lock:
            wrong.append(f"{part['name']}: {part['in']} is not there")
        if part["licence"] not in allowed and not part.get("why"):
            wrong.append(f"{part['name']}: the licence {part['licence']} is neither allowed nor decided")
    for hole in decided["advisories"]:
        if lock.get(hole["package"]) != hole["version"]:
            wrong.append(f"{hole['package']}: judged at {hole['version']}, the lock has {lock.get(hole['package'])}: judge again")
    return wrong


def needs(name: str, extras: Iterable[str] = ()) -> set[tuple[str, frozenset[str]]]:
    """What a package asks for here, with the extras that it asks for."""
    found = set()
    for line in metadata.requires(name) or []:
        try:
            asked = Requirement(line)
        except InvalidRequirement:
            continue
        if asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found.add((plain(asked.name), frozenset(asked.extras)))
    return found


def plain(name: str) -> str:
    """A package's name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def at_run_time(lock: dict[str, str]) -> set[str]:
    """The packages that the service itself needs, beside those that its tests and checks need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ahead = {(plain(each.name), frozenset(each.extras)) for each in map(Requirement, project["dependencies"])}
    seen: set[tuple[str, frozenset[str]]] = set()
    while ahead:
        name, extras = one = ahead.pop()
        seen.add(one)
        if name in lock:
            ahead |= needs(name, extras) - seen
    return {name for name, _ in seen if name in lock}


def bill(decided: dict[str, Any]) -> dict[str, Any]:
    """The bill, the same for the same lock and decisions."""
    lock = locked()
    runs = at_run_time(lock)
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    refs = {name: f"pkg:pypi/{name}@{number}" for name, number in lock.items()}
    parts = [
        {
            "type": "library",
            "bom-ref": refs[name],
            "name": name,
            "version": number,
            "purl": refs[name],
            "scope": "required" if name in runs else "excluded",
            "licenses": [{"expression": _expression(name, decided)}],
        }
        for name, number in sorted(lock.items())
    ]
    parts += [
        {
            "type": "library",
            "bom-ref": f"inside:{part['name']}@{part['version']}",
            "name": part["name"],
            "version": part["version"],
            "scope": "excluded" if part["in"].startswith("tests/") else "required",
            "licenses": [{"expression": part["licence"]}],
            "properties": [{"name": "careloop:in", "value": part["in"]}],
        }
        for part in decided["inside"]
    ]
    ours = f"pkg:generic/careloop@{version}"
    direct = {plain(Requirement(line).name) for line in _direct()}
    asks = [{"ref": refs[name], "dependsOn": sorted(refs[each] for each, _ in needs(name) if each in refs)} for name in sorted(lock)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(digest[:32])}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": "careloop",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            },
            "properties": [{"name": "careloop:requirements.lock:sha256", "value": digest}],
        },
        "components": parts,
        "dependencies": [{"ref": ours, "dependsOn": sorted(refs[name] for name in direct if name in refs)}, *asks],
    }


def _direct() -> list[str]:
    listed: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    return listed


def _expression(name: str, decided: dict[str, Any]) -> str:
    given = decided["decided"].get(name)
    return str(given["licence"]) if given is not None else licence_of(name, decided["called"])


def main() -> int:
    """0 when everything is decided."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sbom", type=Path, metavar="FILE", help="write the bill of materials there")
    parser.add_argument("--decided", action="store_true", help="name the known holes that are decided, one a line")
    given, decided = parser.parse_args(), decisions()
    if given.decided:
        print("\n".join(id for hole in decided["advisories"] for id in hole["ids"]))
        return 0
    wrong = undecided(decided)
    for each in wrong:
        print(each, file=sys.stderr)
    if given.sbom is not None and not wrong:
        given.sbom.write_text(json.dumps(bill(decided), indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(locked())} packages, {len(decided['decided'])} licences and {len(decided['advisories'])} holes decided, {len(wrong)} open")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
