"""The numbers in docs/benchmarks.md, with the machine that they come from."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- numbers: written by make bench WRITE=1 -->", "<!-- end of numbers -->"


def write_page(figures: Sequence[dict[str, str]], columns: Sequence[str]) -> None:
    """Replace what stands between the page's two markers."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = [columns, ["---"] * len(columns), *([each[key] for key in columns] for each in figures)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    PAGE.write_text(f"{before}{BEGIN}\n\n{_machine()}\n\n{table}\n\n{END}{after}", "utf-8")


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {_processor()}, "
        f"{memory:.0f} GiB of memory, {platform.system()}, Python {platform.python_version()}, "
        f"Airflow {version('apache-airflow')}."
    )


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
