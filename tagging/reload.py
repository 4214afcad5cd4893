"""Clinical tables that change while the service runs: a good new version comes into force, a bad one is refused and the old one stays."""

from pathlib import Path

from tagging.content import DATA, load_all, put_in_force
from tagging.errors import ContentError
from tagging.flags import Department
from tagging.second.learned import FILE

_Versions = dict[Path, tuple[int, int]]


class Watch:
    """Watches a folder like tagging/data by the time and size of its files. One per process; `refresh` is called now and then."""

    def __init__(self, folder: Path = DATA):
        """Begin with what the folder holds now; it is read when it changes, or when it is not the folder of CareLoop itself."""
        self._folder = folder
        self._seen = _versions(folder)
        self._own: tuple[Department, ...] = ()
        if folder != DATA:
            put_in_force(load_all(folder))

    def refresh(self, own: tuple[Department, ...] = ()) -> tuple[bool, str | None]:
        """Put changed tables in force, with the overlays `own` that stand in no file. Returns whether that was done, and one sentence on
        why changed tables were refused.

        It costs a few file look-ups, and about a second of work when something changed: call it in a thread.
        """
        versions = _versions(self._folder)
        if versions == self._seen and own == self._own:
            return False, None
        self._seen, self._own = versions, own
        try:
            put_in_force(load_all(self._folder, own))
        except ContentError as error:
            return False, str(error)
        return True, None


def _versions(folder: Path) -> _Versions:
    found: _Versions = {}
    for path in [*folder.rglob("*.yml"), *folder.glob(FILE)]:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found
