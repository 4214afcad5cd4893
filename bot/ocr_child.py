"""The process that reads pictures: `python -m bot.ocr_child`. A file's path on each line of stdin, a JSON object on each of stdout."""

import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Bytes of address space: 0.8 GB is what a long report takes; a file that makes it want far more ends this process only.
ADDRESS_SPACE = 2 << 30


def main() -> None:
    """Answer until stdin ends. A picture that cannot be opened is answered with its code; anything worse ends the process."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    from tagging.picture.ocr import RapidEngine

    engine = RapidEngine()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(Path(line.rstrip("\n")), engine), ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _answer(file: Path, engine: Any) -> dict[str, Any]:
    from tagging.picture.image import PictureError
    from tagging.picture.read import read_picture

    try:
        picture = read_picture(file.read_bytes(), engine)
    except PictureError as err:
        return {"error": err.code}
    return {
        "kind": picture.kind,
        "person": picture.person,
        "day": picture.day.isoformat() if picture.day else None,
        "values": [asdict(value) for value in picture.values],
    }


if __name__ == "__main__":
    main()
