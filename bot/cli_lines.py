"""JSON lines in or pictures in, JSON lines out."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tagging.errors import InputError, TaggingError


def run_lines(file: Path | None, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer every line; a line that cannot be read gets {"id", "error"} in its place, and the exit code becomes 1."""
    failed = False
    with file.open(encoding="utf-8") if file is not None else sys.stdin as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            given: Any = None
            try:
                given = json.loads(line)
                if not isinstance(given, dict):
                    raise ValueError("a line must be a JSON object")
                out = answer(given)
            except (ValueError, InputError) as err:
                failed = True
                out = {"id": given.get("id") if isinstance(given, dict) else None, "line": number, "error": str(err)}
            sys.stdout.write(json.dumps(out, ensure_ascii=False) + "\n")
    if failed:
        raise SystemExit(1)


def run_pictures(files: Sequence[Path]) -> None:
    """A line for every picture; one that cannot be read gets {"id", "error"} in its place, and the exit code becomes 1."""
    from tagging.command import HOSPITAL_ZONE
    from tagging.picture.command import image_line
    from tagging.picture.ocr import RapidEngine

    engine, failed = RapidEngine(), False
    for file in files:
        try:
            out = image_line(file, engine, now=datetime.now(HOSPITAL_ZONE))
        except (OSError, TaggingError) as err:
            failed = True
            out = {"id": file.name, "error": str(err)}
        sys.stdout.write(json.dumps(out, ensure_ascii=False) + "\n")
    if failed:
        raise SystemExit(1)
