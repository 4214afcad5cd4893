"""The worker's start: the dialogue loads in a thread of its own, and neither thread stops the other."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

# Python holds its import lock while it asks a hook where a module is; a hook that imports then may wait for another thread for ever.
TRAP = """
import sys, warnings
warnings.simplefilter("ignore")

class Trap:
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_name == "find_spec":
                print(f"{frame.f_code.co_filename} imports {name}")
            frame = frame.f_back

from bot.worker import import_ahead
if sys.argv[1] == "ahead":
    import_ahead()
assert "rasa" not in sys.modules
sys.meta_path.insert(0, Trap())
import bot.dialogue.agent
"""


def hooks_that_import(order: str) -> list[str]:
    """What is imported by an import hook while the dialogue is."""
    done = subprocess.run([sys.executable, "-c", TRAP, order], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_nothing_is_imported_under_the_import_lock_while_the_dialogue_loads() -> None:
    assert any("_distutils_hack" in line for line in hooks_that_import("as it comes"))
    assert hooks_that_import("ahead") == []
