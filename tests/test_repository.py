"""House rules that no linter knows: who imports whom, what never stands in a tracked file, the twin READMEs."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A folder imports only from those after it.
HOUSE = ("console", "bot", "actions", "plans", "tagging", "records", "integrations")
# The composition root joins every part, the pages included, and the benchmark of the pages opens them.
JOINS_EVERYTHING = {"bot/app.py", "bot/bench/pages.py"}
# Parts of tagging/ that are kept in the records; the language beside them knows neither.
KEPT_IN_RECORDS = {"cohort", "portrait", "prediction", "tags"}
# Written so that this file does not hold what it looks for.
NEVER = re.compile(r"/(?:work|farm|root|tmp/bash_jobs)/|/home/[a-z]|pypi\.org|python[h]osted|registry\.npmjs|(?:deb|security)\.debian\.org")
LONGEST = 400


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports, inside functions and TYPE_CHECKING blocks too."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield node.lineno, ".".join([*above, *([node.module] if node.module else [])])


def offences(path: Path, forbidden: set[str]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{line} imports {name}" for line, name in imports(path) if name.split(".")[0] in forbidden]


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("folder", [*HOUSE, "nlu_data"])
def test_a_folder_imports_only_from_those_below(folder: str) -> None:
    below = set() if folder in {"integrations", "nlu_data"} else set(HOUSE[HOUSE.index(folder) + 1 :])
    above = {*HOUSE, "nlu_data", "tests"} - below - {folder}
    checked = [path for path in modules(folder) if path.relative_to(ROOT).as_posix() not in JOINS_EVERYTHING]
    assert [offence for path in checked for offence in offences(path, above)] == []


def test_the_language_does_without_the_records() -> None:
    language = [path for path in modules("tagging") if path.relative_to(ROOT / "tagging").parts[0] not in KEPT_IN_RECORDS]
    kept = tuple(f"tagging.{name}" for name in sorted(KEPT_IN_RECORDS))
    offending = [
        f"{path.relative_to(ROOT)}:{line}" for path in language for line, name in imports(path) if name.startswith(("records", *kept))
    ]
    assert len(language) > 30 and offending == []


@pytest.mark.parametrize("folder", HOUSE)
def test_only_the_dialogue_knows_rasa(folder: str) -> None:
    outside = [path for path in modules(folder) if not path.is_relative_to(ROOT / "bot/dialogue")]
    assert [offence for path in outside for offence in offences(path, {"rasa", "tensorflow", "keras"})] == []


def test_importing_the_house_starts_neither_rasa_nor_tensorflow() -> None:
    outside = [path.relative_to(ROOT) for folder in HOUSE for path in modules(folder)]
    skipped = ("bot/dialogue/", "records/migrations/")
    names = [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in outside
        if not path.as_posix().startswith(skipped) and path.name != "__main__.py"
    ]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(sorted({'rasa', 'tensorflow'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_migrations_do_without_application_code() -> None:
    versions = modules("records/migrations/versions")
    assert versions
    assert [offence for path in versions for offence in offences(path, set(HOUSE))] == []


def test_no_module_outgrows_its_reader() -> None:
    code = [path for folder in HOUSE for path in modules(folder) if not path.is_relative_to(ROOT / "records/migrations")]
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in code}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in NEVER.finditer(text)]
    assert found == []


def test_what_a_machine_makes_is_not_tracked() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert tops & {"uv.lock", ".venv", ".careloop", ".rasa", "models", "careloop.toml"} == set()


def test_the_lock_holds_every_dependency_with_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:", lock, flags=re.MULTILINE))
    assert {re.split(r"[\[<>=]", line)[0].lower() for line in wanted} <= set(locked)
    assert len(locked) == len(re.findall(r"^\S", lock, flags=re.MULTILINE))
    assert "://" not in lock


def test_the_readmes_are_twins() -> None:
    shapes = []
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text("utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("script/")]
        shapes.append((re.findall(r"^(#+) ", text, flags=re.MULTILINE), len(blocks), commands))
    assert shapes[0] == shapes[1]
