"""The documentation site's sources: what is drawn and listed from the code, and that its menu names pages that there are. The build itself
(script/docs) finds broken links."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
MADE = {f"reference/{name}.md" for name in ("http", "records", "tagging", "plans", "integrations")}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "docs" / "_site")
    import make

    yield make
    for name in ("make", "house", "reference"):
        sys.modules.pop(name, None)


def test_the_picture_shows_the_house_as_it_is(make: ModuleType) -> None:
    found = make.imports(ROOT)
    order = {storey: place for place, storey in enumerate(sys.modules["house"].STOREYS)}
    assert {pair for pair in found if order[pair[1]] < order[pair[0]]} == {("bot", "console")}, "only the composition root looks up"
    assert found["bot", "plans"] > found["actions", "plans"] > 5
    drawing = make.draw(found)
    assert all(f"<title>{one} → {other}: {count}</title>" in drawing for (one, other), count in found.items())


def test_pages_are_made_for_both_languages(make: ModuleType, tmp_path: Path) -> None:
    make.make(tmp_path / "source")
    pages = {path.relative_to(tmp_path / "source").as_posix() for path in (tmp_path / "source").rglob("*.md")}
    assert pages >= MADE | {"administration.md", "index.md", "index.zh-CN.md"} and "administration.zh-CN.md" not in pages
    assert ".zh-CN.md)" not in "".join(path.read_text("utf-8") for path in (tmp_path / "source").rglob("*.md"))
    listed = (tmp_path / "source" / "reference" / "http.md").read_text("utf-8")
    assert all(f"`{path}`" in listed for path in yaml.safe_load((ROOT / "docs" / "openapi.yml").read_text("utf-8"))["paths"])


def test_the_menu_names_pages_and_has_a_chinese_word_for_each() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    there = {path.relative_to(ROOT / "docs").as_posix().replace(".zh-CN.md", ".md") for path in (ROOT / "docs").rglob("*.md")} | MADE
    titles, pages = set[str](), set[str]()

    def walk(items: list[dict[str, object] | str]) -> None:
        for item in items:
            for title, what in item.items() if isinstance(item, dict) else [(None, item)]:
                titles.update([title] if title else [])
                walk(what) if isinstance(what, list) else pages.add(str(what))

    walk(site["nav"])
    i18n = next(each["i18n"] for each in site["plugins"] if isinstance(each, dict) and "i18n" in each)
    chinese = next(each for each in i18n["languages"] if each["locale"] == "zh-CN")
    assert pages <= there and titles == set(chinese["nav_translations"])
    starts = {path.name for path in (ROOT / "docs" / "start").iterdir()}
    assert {name.replace(".md", ".zh-CN.md") for name in starts if ".zh-CN" not in name} == {name for name in starts if ".zh-CN" in name}
