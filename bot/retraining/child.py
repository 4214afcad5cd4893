"""One training in a process of its own: `python -m bot.retraining.child ROOT DATA OUT`. A JSON line for every step, on standard output."""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

# prctl(2): the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1
NICENESS = 10


def take_second_place() -> None:
    """End with the parent, and give way to it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(NICENESS)


def main(root: Path, data: Path, out: Path) -> int:
    """Train on `data` into `out`, then examine the model. Says {done, step}, at last {metrics}, or {error}."""
    from bot.dialogue.train import TrainingError, train_on

    take_second_place()
    # What libraries print must not get between the lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(**said: Any) -> None:
        lines.write(json.dumps(said, ensure_ascii=False) + "\n")
        lines.flush()

    try:
        train_on(root, data, out, on_progress=lambda done, step: tell(done=round(done * 0.9, 2), step=step))
        tell(done=0.9, step="examining")
        from bot.dialogue.intent import IntentReader
        from bot.retraining.examine import examine

        tell(metrics=examine(IntentReader.from_archive(out), root))
    except (TrainingError, ValueError) as err:
        tell(error=str(err))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:4])))
