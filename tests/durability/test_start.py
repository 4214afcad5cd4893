"""A start that cannot be is refused with one sentence; a killed one leaves nothing running but the database."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bot.app import POSTGRES_FOLDER
from bot.private import free_port
from bot.process import lock_data
from records.embedded import EmbeddedServer
from tests.durability.processes import ROOT

pytestmark = pytest.mark.durability


def refusal(data: Path, *arguments: str) -> str:
    """The sentence with which the command line ends instead of starting."""
    environment = {**os.environ, "CARELOOP_DATA_DIR": str(data), "CARELOOP_PORT": str(free_port())}
    done = subprocess.run([sys.executable, "-m", "bot", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1].removeprefix("careloop: ")


def test_a_second_serve_names_the_first(folder: Path) -> None:
    with lock_data(folder):
        assert refusal(folder, "serve") == f"The data folder {folder} is in use by another CareLoop (process {os.getpid()})."


def test_a_killed_serve_leaves_no_worker_behind(folder: Path) -> None:
    environment = {**os.environ, "CARELOOP_DATA_DIR": str(folder), "CARELOOP_PORT": str(free_port())}
    serve = subprocess.Popen([sys.executable, "-m", "bot", "serve"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        workers: list[psutil.Process] = []
        deadline = time.monotonic() + 300
        while not workers:
            assert serve.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
            children = [child for child in psutil.Process(serve.pid).children() if child.status() != psutil.STATUS_ZOMBIE]
            workers = [child for child in children if child.cmdline()[-1:] == ["worker"]]
        serve.kill()
        serve.wait()
        _, alive = psutil.wait_procs(workers, timeout=180)
        assert not alive
    finally:
        serve.kill()
        EmbeddedServer(folder / POSTGRES_FOLDER).stop()


def test_a_data_folder_that_is_a_file(folder: Path) -> None:
    data = folder / "data"
    data.write_text("")
    assert str(data) in refusal(data, "serve")


def test_a_database_folder_that_holds_something_else(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "照片.jpg").write_bytes(b"\xff\xd8")
    assert "in use for something that is not a database" in refusal(folder, "gateway")
