"""The site's sources in FOLDER: docs/ as it is, and beside it what is made from the code."""

import re
import shutil
import sys
from pathlib import Path

from house import draw, imports
from reference import http, modules

CHINESE = ".zh-CN.md"
LINK = re.compile(r"\]\(([^)\s]*)\.zh-CN\.md")
ROOT = Path(__file__).parent.parent.parent


def make(folder: Path) -> None:
    """Write them anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("_site"))
    (folder / "developers" / "house.svg").write_text(draw(imports(ROOT)), "utf-8")
    for page in list(folder.rglob("*.md")):
        # A page that there is in Chinese alone stands on both sides; links name pages, and each side has its own of a page.
        plain = page.with_name(page.name.replace(CHINESE, ".md"))
        if plain != page and not plain.exists():
            page = page.rename(plain)
        page.write_text(LINK.sub(r"](\1.md", page.read_text("utf-8")), "utf-8")
    reference = folder / "reference"
    reference.mkdir()
    for name, page in {"http": http(ROOT / "docs" / "openapi.yml"), **modules()}.items():
        (reference / f"{name}.md").write_text(page, "utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
