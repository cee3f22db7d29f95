"""The command `settlement`, a new process each time: reads, and a run of a settled date."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import requests
from sandbox_process import command

from settlement_airflow.up.place import free_port, prepare

ROUNDS = 5
RUNS = 3
TRADES = 20_000
CLIENTS = 100
SETTLEMENT = (sys.executable, "-c", "from settlement_airflow.cli import main; main()")
IMPORT = (sys.executable, "-W", "ignore", "-c", "import airflow.sdk")


@dataclass(frozen=True)
class Took:
    """What a process took at best: seconds of wall time, and of processor time."""

    wall: float = float("inf")
    processor: float = float("inf")

    def or_less(self, other: Took) -> Took:
        """The best of both, in each kind of time."""
        return Took(min(self.wall, other.wall), min(self.processor, other.processor))

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.processor:.2f} s of a processor)"


def commanding(folder: Path) -> list[dict[str, str]]:
    """The best of some alternating rounds, against the import that no command goes without."""
    port = free_port(0)
    place = prepare(folder, port, days=1, trades=TRADES, clients=CLIENTS)
    environment = _environment(folder, place.environment)
    (day,) = place.days
    reads: dict[str, Sequence[str]] = {
        "show": ("show", "demo"),
        "show of a date": ("show", "demo", day.isoformat()),
        "explain": ("explain", f"demo-{day}-1"),
    }
    run = ("run", "demo", day.isoformat())
    again = Took()
    with _sandbox(port):
        _took((*SETTLEMENT, *run), environment)
        for _ in range(RUNS):
            again = again.or_less(_took((*SETTLEMENT, *run), environment))
    best = dict.fromkeys(("import", *reads), Took())
    for _ in range(1 + ROUNDS):  # the first one warms up the disk
        best["import"] = best["import"].or_less(_took(IMPORT, environment))
        for name, arguments in reads.items():
            best[name] = best[name].or_less(_took((*SETTLEMENT, *arguments), environment))
    place.server.stop()
    bare = best["import"]
    more = {name: best[name].wall - bare.wall for name in reads}
    return [
        *(
            _row(
                f"settlement {name}", best[name], bare, f"{more[name]:+.2f} s", "at most 0.7 s more"
            )
            for name in reads
        ),
        _row(
            "settlement run of a settled date",
            again,
            bare,
            f"{again.wall / bare.wall:.1f}",
            "at most 10 s",
        ),
    ]


def _row(measured: str, ours: Took, bare: Took, ratio: str, goal: str) -> dict[str, str]:
    return {
        "measured": f"`{measured}`",
        "ours": str(ours),
        "instead": f"importing airflow.sdk alone: {bare}",
        "ratio": ratio,
        "goal": goal,
    }


def _environment(folder: Path, ours: dict[str, str]) -> dict[str, str]:
    """Without the Airflow that this machine may be configured for."""
    kept = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    return {**kept, "HOME": str(folder), "AIRFLOW_HOME": str(folder / "bare"), **ours}


def _took(arguments: Sequence[str], environment: dict[str, str]) -> Took:
    started = perf_counter()
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said.decode()
    return Took(perf_counter() - started, used.ru_utime + used.ru_stime)


@contextmanager
def _sandbox(port: int) -> Iterator[None]:
    process = subprocess.Popen(command(port, CLIENTS))
    try:
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/_control/health", timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, "the sandbox has ended"
                sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()
