"""A picture of who imports whom, from the code as it is: a storey for each top-level folder, an arrow from whoever imports."""

import ast
from collections import Counter
from html import escape
from pathlib import Path

# From the roof down; whoever stands beside `integrations` imports none of the others.
STOREYS = ("console", "bot", "actions", "plans", "tagging", "records", "integrations")
ABOUT = {
    "console": "web pages",
    "bot": "the running service",
    "actions": "Rasa custom actions",
    "plans": "plans, follow-ups, contents",
    "tagging": "language, triage, tags, cohorts",
    "records": "tables, access, audit",
    "integrations": "outside systems",
}
_WIDE, _HIGH, _GAP, _LEFT, _BOX = 960, 84, 34, 20, 560

Imports = Counter[tuple[str, str]]


def imports(root: Path) -> Imports:
    """How many modules of one storey import from another."""
    found: Imports = Counter()
    for storey in STOREYS:
        for path in (root / storey).rglob("*.py"):
            used = {name.partition(".")[0] for name in _names(ast.parse(path.read_text("utf-8")))}
            found.update((storey, other) for other in used & set(STOREYS) - {storey})
    return found


def _names(tree: ast.AST) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module)
    return names


def draw(found: Imports) -> str:
    """The picture, as SVG. An arrow is as wide as many modules go that way, and red where it goes up."""
    top = {storey: 20 + place * (_HIGH + _GAP) for place, storey in enumerate(STOREYS)}
    parts = []
    for lane, ((one, other), count) in enumerate(sorted(found.items(), key=lambda each: (top[each[0][0]], top[each[0][1]]))):
        x = _LEFT + _BOX + 24 + lane * 15
        begin, end = top[one] + _HIGH / 2 + lane * 1.5 % 24 - 12, top[other] + _HIGH / 2 + lane * 1.5 % 24 - 12
        colour = "#b3261e" if top[other] < top[one] else "#00796b"
        width = 1 + min(count, 200) / 40
        title = f"{one} → {other}: {count}"
        line = f"M{_LEFT + _BOX} {begin:g} H{x} V{end:g} H{_LEFT + _BOX + 8}"
        parts.append(
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{width:.1f}" stroke-opacity=".75" marker-end="url(#tip)">'
            f"<title>{escape(title)}</title></path>"
        )
    for storey in STOREYS:
        uses = "，".join(f"{other} {found[storey, other]}" for other in STOREYS if found[storey, other]) or "none of the others"
        y = top[storey]
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{_BOX}" height="{_HIGH}" rx="10" fill="#e0f2f1" stroke="#00796b"/>'
            f'<text x="{_LEFT + 20}" y="{y + 34}" font-size="20" font-weight="600">{storey}/</text>'
            f'<text x="{_LEFT + 170}" y="{y + 34}" font-size="16">{escape(ABOUT[storey])}</text>'
            f'<text x="{_LEFT + 20}" y="{y + 62}" font-size="13" fill="#37474f">imports {escape(uses.replace("，", ", "))}</text>'
        )
    high = top[STOREYS[-1]] + _HIGH + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {high}" font-family="sans-serif" fill="#102027" role="img">'
        "<title>Which folder imports from which, in modules</title>"
        f'<rect width="{_WIDE}" height="{high}" fill="#ffffff"/>'
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="4" orient="auto" markerUnits="userSpaceOnUse">'
        f'<path d="M0 0L8 4L0 8z" fill="#00796b"/></marker></defs>{"".join(parts)}</svg>\n'
    )
