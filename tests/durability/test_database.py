"""The embedded database dies, is found again, and says in a sentence when it cannot be had."""

import multiprocessing
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import psycopg
import pytest

from records.embedded import EmbeddedError, EmbeddedServer
from tests.durability.processes import ROOT

pytestmark = pytest.mark.durability

ENSURE = "import sys, pathlib; from records.embedded import EmbeddedServer; print(EmbeddedServer(pathlib.Path(sys.argv[1])).ensure())"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(folder / "postgres")
    yield made
    made.stop()


def postmaster(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(int((server.folder / "postmaster.pid").read_text().split("\n", 1)[0]))


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


def in_a_process(server: EmbeddedServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(server.folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_server_starts_again_with_what_was_committed(server: EmbeddedServer) -> None:
    url = server.ensure()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table said (words text)")
        connection.execute("insert into said values ('在吗')")
    first = postmaster(server)
    kill([first, *first.children(recursive=True)])
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("select words from said").fetchall() == [("在吗",)]


def test_a_postmaster_killed_alone_is_replaced_once_its_children_have_gone(server: EmbeddedServer) -> None:
    server.ensure()
    first = postmaster(server)
    kill([first])
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert postmaster(server).pid != first.pid


def test_a_number_that_some_other_program_has_now_is_no_server(server: EmbeddedServer) -> None:
    server.ensure()
    written = (server.folder / "postmaster.pid").read_text()
    first = postmaster(server)
    kill([first, *first.children(recursive=True)])
    (server.folder / "postmaster.pid").write_text(written.replace(str(first.pid), str(os.getpid()), 1))
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_many_processes_start_one_server(server: EmbeddedServer) -> None:
    server.ensure()
    first = postmaster(server)
    kill([first, *first.children(recursive=True)])
    starters = [in_a_process(server) for _ in range(4)]
    answers = [starter.communicate(timeout=90) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4, answers
    assert len({url for url, _ in answers}) == 1
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_first_start_that_was_killed_is_made_anew(server: EmbeddedServer) -> None:
    starter = in_a_process(server)
    deadline = time.monotonic() + 60
    while not (server.folder / "PG_VERSION").exists():
        assert time.monotonic() < deadline and starter.poll() is None
        time.sleep(0.005)
    starter.kill()
    starter.communicate()
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_folder_with_something_else_in_it_is_left_alone(server: EmbeddedServer) -> None:
    server.folder.mkdir()
    (server.folder / "照片.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(EmbeddedError, match="in use for something that is not a database"):
        server.ensure()
    assert [path.name for path in server.folder.iterdir()] == ["照片.jpg"]


def test_a_file_in_the_place_of_the_folder_is_named(server: EmbeddedServer) -> None:
    server.folder.write_text("")
    with pytest.raises(EmbeddedError, match="cannot be used"):
        server.ensure()


def as_nobody(folder: Path, told: Connection) -> None:
    """In a forked process, because the interpreter itself may belong to root alone."""
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    server = EmbeddedServer(folder / "postgres")
    try:
        with psycopg.connect(server.ensure()) as connection:
            told.send(connection.execute("select 1").fetchone())
        server.stop()
    except EmbeddedError as err:
        told.send(str(err))


def test_a_plain_user_starts_his_own_beside_that_of_root(folder: Path, server: EmbeddedServer) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a plain user")
    server.ensure()
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    home.chmod(0o777)
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=as_nobody, args=(home, told))
    process.start()
    process.join(90)
    assert heard.poll() and heard.recv() == (1,)
