"""Our processes as tests start, kill, stop and pause them."""

import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# So long (s) a process may take to end in good order: what the examples in deploy/ give it.
KINDLY = 60.0


class Program:
    """One of our processes, which writes to a file in `folder`."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], folder: Path, *, tree: Path = ROOT) -> None:
        """`arguments` of `python -m`, in `tree`."""
        self.name, self.log, self.wanted = name, folder / f"{name}.log", False
        self._arguments, self._environment, self._tree = arguments, environment, tree
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None and self._process.pid is not None, f"{self.name} was never started"
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments], cwd=self._tree, env={**os.environ, **self._environment}, stdout=log, stderr=log
            )
        self.wanted = True

    def kill(self) -> None:
        """kill -9, as a crash or the kernel's memory killer does it."""
        assert self.alive(), f"{self.name} ended by itself: {self.tail()}"
        self._send(signal.SIGKILL)
        self._ended(None)
        self.wanted = False

    def stop(self) -> bool:
        """Ask it to end; whether it did, in time. Who does not is killed."""
        self.wanted = False
        if not self.alive():
            return True
        self._send(signal.SIGTERM)
        if ended := self._ended(KINDLY):
            return ended
        self._send(signal.SIGKILL)
        self._ended(None)
        return False

    def pause(self) -> None:
        """Let it hang, as a machine that is moved or out of breath."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause; who has died meanwhile stays dead."""
        self._send(signal.SIGCONT)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _ended(self, within: float | None) -> bool:
        assert self._process is not None
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True


class Forked(Program):
    """A worker with a dialogue that costs nothing, forked from a process that has imported everything, so that a death costs no second.

    In no hurry, it keeps the product's own times.
    """

    def __init__(self, name: str, environment: dict[str, str], folder: Path, *, hurry: bool = True) -> None:
        super().__init__(name, [], environment, folder)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.durability.year_warm"])
        self._hurry = hurry
        self._fork: ForkServerProcess | None = None

    @property
    def pid(self) -> int:
        assert self._fork is not None and self._fork.pid is not None, f"{self.name} was never started"
        return self._fork.pid

    def start(self) -> None:
        from tests.durability.year_worker import work

        self._fork = self._context.Process(target=work, args=(self._environment, self.log, self._hurry), daemon=True)
        self._fork.start()
        self.wanted = True

    def alive(self) -> bool:
        return self._fork is not None and self._fork.is_alive()

    def _ended(self, within: float | None) -> bool:
        assert self._fork is not None
        self._fork.join(within)
        return not self._fork.is_alive()
