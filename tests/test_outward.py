"""Wherever CareLoop asks another server, nobody sends it on. (The edge's line, which is a WebSocket: tests/bot/edge/test_taken_over.py.)"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What only talks to servers that the test, the benchmark or the sandbox has started itself.
OWN = (
    "bot/bench/",
    "bot/sandbox.py",
    "bot/private.py",
    "integrations/wecom/simulator/",
    "integrations/weixin/simulator/",
    "integrations/sms/simulator.py",
)
ASKS = {"get", "post", "put", "request"}


def asking(path: Path) -> list[ast.Call]:
    """The calls of an HTTP session in a module."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [
        call
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ASKS
        and (ast.unparse(call.func.value).endswith(("session", "http", "client")) and "transaction" not in ast.unparse(call.func.value))
        and any(keyword.arg in ("timeout", "headers", "params", "data", "ssl", "allow_redirects") for keyword in call.keywords)
    ]


def test_no_answer_sends_us_elsewhere() -> None:
    """A redirect could lead into the hospital's network, with our token in its hands."""
    found: dict[str, list[str]] = {}
    for folder in ("bot", "console", "integrations", "plans", "records"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(OWN):
                for call in asking(path):
                    stays = any(keyword.arg == "allow_redirects" and ast.unparse(keyword.value) == "False" for keyword in call.keywords)
                    found.setdefault(name, []).extend([] if stays else [f"line {call.lineno}"])
    assert {name: lines for name, lines in found.items() if lines} == {}
    # The clients of WeCom, WeChat, text messages, speech, FHIR, the edge's link, and doctor's look at our own pages.
    assert len(found) >= 6
