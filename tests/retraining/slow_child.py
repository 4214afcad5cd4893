"""Stands where bot.retraining.child stands: says steps and writes a file, or hangs, or breaks, as its first argument says."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

how, pids, _root, data, out = sys.argv[1:6]
grandchild = subprocess.Popen(["sleep", "300"])
Path(pids).write_text(f"{os.getpid()} {grandchild.pid}")
print(json.dumps({"done": 0.3, "step": "training"}), flush=True)
if how == "hang":
    time.sleep(300)
if how == "break":
    print(json.dumps({"error": "Rasa refuses"}), flush=True)
    raise SystemExit(1)
assert "intent: goodbye" in Path(data, "nlu.yml").read_text("utf-8")
Path(out).write_bytes(b"a model")
print(json.dumps({"metrics": {"accuracy": [0.9, 0.88, 0.92]}}), flush=True)
grandchild.kill()
