"""A throw-away data folder that a database of another user can be reached in."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder, which only its owner may enter: as root, the database runs as another user."""
    with TemporaryDirectory(prefix="careloop-durability-", ignore_cleanup_errors=True) as name:
        yield Path(name)
