"""What a benchmark found, as one object: for machines as JSON, for people as a table with the ratios first."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

Result = dict[str, Any]


def machine() -> dict[str, Any]:
    """The machine that measured: cores this process may use, CPU, memory in GB, operating system, Python."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def result(bench: str, figures: Mapping[str, Any], meets: Mapping[str, bool]) -> Result:
    """The object that every benchmark returns. A goal that this run did not measure is not in `meets`."""
    return {"bench": bench, "machine": machine(), "figures": dict(figures), "meets": dict(meets)}


def percentiles(seconds: Sequence[float], name: str, *shares: float) -> dict[str, float]:
    """`{name}_p50_ms` and so on, by nearest rank, in milliseconds; nothing for no values."""
    ranked = sorted(seconds)
    return {f"{name}_p{100 * share:g}_ms": round(1000 * ranked[_rank(share, len(ranked))], 1) for share in shares} if ranked else {}


def _rank(share: float, count: int) -> int:
    return min(count - 1, max(0, -int(-share * count // 1) - 1))


def show(result: Result, *, as_json: bool) -> None:
    """Print the object on one line, or a table: ratios, goals, then every other figure."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"careloop bench {result['bench']}", title_justify="left", show_header=False, box=None)
    table.add_column(justify="left")
    table.add_column(justify="right")
    figures = result["figures"]
    ratios = {name: value for name, value in figures.items() if "ratio" in name}
    for name, value in ratios.items():
        table.add_row(f"[bold]{name}[/bold]", f"[bold]{value}[/bold]")
    for goal, met in result["meets"].items():
        table.add_row(goal, "[green]met[/green]" if met else "[red]NOT MET[/red]")
    for name, value in figures.items():
        if name not in ratios:
            table.add_row(name, f"{value}")
    console = Console()
    console.print(table)
    console.print(" · ".join(f"{name} {value}" for name, value in result["machine"].items()), style="dim")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
