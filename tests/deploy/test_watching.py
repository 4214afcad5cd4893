"""Alerts, dashboard and runbooks: what they name exists, and every alert has a section that says what to do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prometheus_client import REGISTRY

import bot.audit
import bot.edge.gauges
import bot.gauges
import bot.intake.gauges
import bot.metrics
import bot.retention  # noqa: F401 - they register what they count
from bot.cli import app

ROOT = Path(__file__).parent.parent.parent
RULES = yaml.safe_load((ROOT / "deploy/prometheus/careloop.rules.yml").read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/careloop.json").read_text("utf-8"))
RUNBOOKS = {name: (ROOT / "docs" / name).read_text("utf-8") for name in ("runbooks.md", "runbooks.zh-CN.md")}
METRIC = re.compile(r"\bcareloop_[a-z_]+")
BY_LABEL = re.compile(r"(careloop_[a-z_]+)\{([^}]*)\}")


def known() -> dict[str, set[str]]:
    """Every name that can be asked for, with its labels."""
    names: dict[str, set[str]] = {}
    for collector, of in REGISTRY._collector_to_names.items():
        for name in of:
            names[name] = set(getattr(collector, "_labelnames", ()))
    return names


def expressions() -> list[str]:
    return [rule["expr"] for rule in RULES] + [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_every_figure_that_is_asked_for_is_counted() -> None:
    names = known()
    asked = [name for expression in expressions() for name in METRIC.findall(expression)]
    assert len(asked) > 50 and {name for name in asked if name not in names} == set()
    for text in RUNBOOKS.values():
        assert {name for name in METRIC.findall(text) if name not in names and f"{name}_total" not in names} - {
            "careloop_turn_seconds"
        } == set()
    for expression in expressions():
        for name, chosen in BY_LABEL.findall(expression):
            assert set(re.findall(r"(\w+)[=!]~?\"", chosen)) <= names[name], expression


def test_expressions_are_whole() -> None:
    for expression in expressions():
        for opened, closed in ("()", "{}", "[]"):
            assert expression.count(opened) == expression.count(closed), expression
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(re.search(r"[\u4e00-\u9fff]|edge", panel["title"]) for panel in DASHBOARD["panels"])


def test_every_alert_has_a_runbook_in_both_languages() -> None:
    for rule in RULES:
        file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (ROOT / file).exists() and anchor == rule["alert"].lower()
        assert all(f"\n## {rule['alert']}\n" in text for text in RUNBOOKS.values()), rule["alert"]
    sections = [re.findall(r"^## (\w+)$", text, re.MULTILINE) for text in RUNBOOKS.values()]
    assert sections[0] == sections[1] and len(set(sections[0])) == len(sections[0])
    alerts = {rule["alert"] for rule in RULES}
    assert {name for name in sections[0] if name.startswith("Careloop")} == alerts


def commands(text: str) -> Iterator[str]:
    """What stands as a command of ours in code."""
    for code in re.findall(r"`([^`\n]+)`", text) + re.findall(r"^(careloop [^\n]+)$", text, re.MULTILINE):
        yield from re.findall(r"(?:^|\s)careloop ((?:[a-z][a-z-]*|--?)[^`#|]*)", code)


def check(command: str) -> None:
    """Walk down from group to command, then look at the options."""
    here: Any = typer.main.get_command(app)
    words = command.split()
    while hasattr(here, "commands") and words and not words[0].startswith("-"):
        assert words[0] in here.commands, command
        here, words = here.commands[words[0]], words[1:]
    options = {name for parameter in here.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= options, command


@pytest.mark.parametrize(
    "name", [f"docs/{page}{language}.md" for page in ("runbooks", "deployment", "upgrading") for language in ("", ".zh-CN")]
)
def test_every_command_that_is_named_exists(name: str) -> None:
    found = list(commands((ROOT / name).read_text("utf-8")))
    assert len(found) > 4
    for command in found:
        check(command)
