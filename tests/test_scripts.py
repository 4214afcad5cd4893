"""The scripts, run by bash in a copy of the repository's outside: what they find, bring, refuse and pass on.

uv and Python are stood in for by small shell scripts that write down how they were called: the real ones need minutes and a network.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(path for path in [*(ROOT / "script").iterdir(), ROOT / ".ci/run"] if path.suffix not in {".txt", ".py"})

GOOD_UV = """
case "$*" in
  --version) echo "uv 0.13.9" ;;
  "python find"*) command -v bash ;;
  venv*) mkdir -p .venv/bin && cp tools/python .venv/bin/python && cp tools/python .venv/bin/python3.11 ;;
  "pip sync"*) echo "$*" >>uv.calls; sleep "${UV_TAKES:-0}"; exit "${UV_ENDS:-0}" ;;
esac
"""
PYTHON = 'echo "in $PWD: $*"; if [ -e /proc/$$/fd/9 ]; then echo "holds the lock"; fi\n'

# The first of the two runs of pytest; the second has everything else.
KILLED = "tests/durability"
OTHERS = f"--ignore=tests/durability -n {2 * (os.cpu_count() or 1)} --dist loadfile -q"


class Checkout:
    """A folder with our scripts, a lock, a uv and no environment yet."""

    def __init__(self, root: Path) -> None:
        self.root, self.tools = root, root / "tools"
        shutil.copytree(ROOT / "script", root / "script")
        (root / "requirements.lock").write_text("first\n")
        self.tools.mkdir()
        self.tool("uv", GOOD_UV)
        self.tool("python", PYTHON)
        (root / "miniprogram").mkdir()
        (root / "miniprogram" / "package-lock.json").write_text("{}\n")
        self.tool("node", "exit 0\n")
        self.tool("npm", '[ "$1" != ci ] || mkdir node_modules\n')

    def tool(self, name: str, body: str) -> None:
        path = self.tools / name
        path.write_text(f"#!/usr/bin/env bash\n{body}")
        path.chmod(0o755)

    def start(self, *words: str, at: Path | None = None, **env: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(self.root / "script" / words[0]), *words[1:]],
            cwd=at or self.root,
            env={**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, at: Path | None = None, **env: str) -> tuple[int, str, str]:
        """Exit code, what it printed, and the last sentence it complained with."""
        process = self.start(*words, at=at, **env)
        out, err = process.communicate()
        return process.returncode, out.strip(), (err.strip().splitlines() or [""])[-1]

    @property
    def synced(self) -> list[str]:
        calls = self.root / "uv.calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "clone").mkdir()
    return Checkout(tmp_path / "clone")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_parses(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
    if path.name != "env.sh":
        assert os.access(path, os.X_OK)
        assert path.read_text().startswith("#!/usr/bin/env bash\n")


def test_first_start_installs_exactly_the_lock_and_the_second_nothing(checkout: Checkout) -> None:
    for _ in range(2):
        code, out, _ = checkout.run("careloop", "doctor")
        assert (code, out) == (0, f"in {checkout.root}: -m bot doctor")
    assert len(checkout.synced) == 1
    assert "--require-hashes" in checkout.synced[0]
    assert not (checkout.root / "uv.lock").exists()


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    checkout.run("careloop", "doctor")
    (checkout.root / "requirements.lock").write_text("second\n")
    checkout.run("careloop", "doctor")
    assert len(checkout.synced) == 2


def test_a_failed_installation_is_not_taken_for_done(checkout: Checkout) -> None:
    code, out, complaint = checkout.run("careloop", "doctor", UV_ENDS="2")
    assert (code, out) == (1, "")
    assert "could not be installed" in complaint
    assert checkout.run("careloop", "doctor")[0] == 0
    assert len(checkout.synced) == 2


def test_two_starts_at_once_install_once(checkout: Checkout) -> None:
    both = [checkout.start("careloop", name, UV_TAKES="0.5") for name in ("web", "worker")]
    outs = [process.communicate()[0].strip() for process in both]
    assert outs == [f"in {checkout.root}: -m bot web", f"in {checkout.root}: -m bot worker"]
    assert len(checkout.synced) == 1


def test_serve_is_the_command_serve(checkout: Checkout) -> None:
    assert checkout.run("serve", "--port", "9000")[1] == f"in {checkout.root}: -m bot serve --port 9000"


def test_a_file_is_found_from_where_the_caller_stands(checkout: Checkout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere with space"
    elsewhere.mkdir()
    for name in ("oru.hl7", "hl7"):
        (elsewhere / name).touch()
    _, out, _ = checkout.run("careloop", "hl7", "oru.hl7", "missing.hl7", at=elsewhere)
    assert out == f"in {checkout.root}: -m bot hl7 {elsewhere}/oru.hl7 missing.hl7"


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_another_platform_is_refused_in_one_sentence(checkout: Checkout, system: str, machine: str) -> None:
    checkout.tool("uname", f'[ "$1" = -s ] && echo {system} || echo {machine}\n')
    code, _, complaint = checkout.run("careloop", "doctor")
    assert code == 1
    assert complaint.endswith(f"here it is {system} on {machine}.")
    assert checkout.synced == []


def test_a_full_disk_is_refused_before_anything_is_fetched(checkout: Checkout) -> None:
    checkout.tool("df", "printf 'Filesystem\\nx 1 1 12 1%% /\\n'\n")
    code, _, complaint = checkout.run("careloop", "doctor")
    assert code == 1
    assert "3 GB" in complaint and "12 MB" in complaint
    assert checkout.synced == []


def test_without_network_the_missing_uv_is_named(checkout: Checkout) -> None:
    checkout.tool("uv", "exit 127\n")  # a version manager's shim with nothing behind it
    for name in ("python3", "curl"):
        checkout.tool(name, "exit 1\n")
    code, _, complaint = checkout.run("careloop", "doctor", HOME=str(checkout.root))
    assert code == 1
    assert "uv could not be fetched" in complaint


def test_suite_refuses_what_it_does_not_know(checkout: Checkout) -> None:
    checkout.run("careloop", "doctor")
    code, _, complaint = checkout.run("test", "quick")
    assert code == 1
    assert "'quick'" in complaint
    assert checkout.run("test", "--", "-k", "triage")[1] == f"in {checkout.root}: -m pytest -k triage"


def test_suite_runs_every_section_and_fails_for_one(checkout: Checkout) -> None:
    checkout.tool("python", 'case "$2" in mypy) exit 1 ;; *) echo "ran $2" ;; esac\n')
    subprocess.run(["git", "init", "-q"], cwd=checkout.root, check=True)
    code, out, complaint = checkout.run("test", "fast")
    assert code == 1
    assert [line for line in out.splitlines() if line.startswith("ran ")] == [
        "ran ruff",
        "ran ruff",
        "ran detect_secrets.pre_commit_hook",
        "ran pytest",
    ]
    assert complaint == "careloop: failed: types."


@pytest.mark.parametrize(
    ("user", "marks", "end"),
    [
        ("0", "", "apt-get install -y -qq --no-install-recommends chromium"),
        ("1000", " -m not browser", "failed: browser."),
    ],
    ids=["root", "plain user"],
)
def test_missing_chromium_is_installed_by_root_and_asked_for_by_others(checkout: Checkout, user: str, marks: str, end: str) -> None:
    checkout.tool("python", 'echo "ran $*"\n')
    checkout.tool("chromium", "exit 127\n")
    checkout.tool("fc-list", "echo Noto\n")
    checkout.tool("id", f"echo {user}\n")
    checkout.tool("apt-get", 'echo "apt-get $*" >&2\n')
    subprocess.run(["git", "init", "-q"], cwd=checkout.root, check=True)
    code, out, complaint = checkout.run("test")
    assert (code, complaint.removeprefix("careloop: ")) == (0 if user == "0" else 1, end)
    pytest_runs = [line for line in out.splitlines() if line.startswith("ran -m pytest")]
    assert pytest_runs == [f"ran -m pytest --durations=10 --durations-min=1 {which}{marks}" for which in (KILLED, OTHERS)]


def test_without_a_model_only_the_dialogue_tests_are_left_out(checkout: Checkout) -> None:
    checkout.tool("python", 'echo "ran $*"; [ "$3" != train ]\n')
    for name in ("chromium", "fc-list"):
        checkout.tool(name, "echo here\n")
    subprocess.run(["git", "init", "-q"], cwd=checkout.root, check=True)
    code, out, complaint = checkout.run("test")
    assert (code, complaint) == (1, "careloop: failed: training.")
    assert out.endswith("-m not dialogue")


@pytest.mark.parametrize(
    ("fails", "named"), [(KILLED, "tests of processes that are killed"), (OTHERS, "all other tests")], ids=["killed", "others"]
)
def test_a_failure_in_either_run_fails_the_suite(checkout: Checkout, fails: str, named: str) -> None:
    checkout.tool("python", f'echo "ran $*"; case "$* " in *" {fails} "*) exit 1 ;; esac\n')
    for name in ("chromium", "fc-list"):
        checkout.tool(name, "echo here\n")
    subprocess.run(["git", "init", "-q"], cwd=checkout.root, check=True)
    assert checkout.run("test")[::2] == (1, f"careloop: failed: {named}.")


def test_a_planted_secret_is_found(checkout: Checkout) -> None:
    checkout.tool("python", f'exec {sys.executable} "$@"\n')
    shutil.copy(ROOT / ".secrets.baseline", checkout.root)
    subprocess.run(["git", "init", "-q"], cwd=checkout.root, check=True)
    settings = checkout.root / "settings.py"
    settings.write_text('corp = "ww1"\n')
    subprocess.run(["git", "add", "settings.py"], cwd=checkout.root, check=True)
    assert checkout.run("secrets")[0] == 0
    settings.write_text('access_key = "AKIA' + "Q3EGRZ7LT2VNC5WX" + '"\n')
    code, out, _ = checkout.run("secrets")
    assert code != 0
    assert "AWS Access Key" in out
