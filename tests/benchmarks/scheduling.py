"""A settled day in the real scheduler, against an empty DAG of the same shape; and a second run."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from real_airflow import SETTLE, RealAirflow, duration, real_airflow

EMPTY = "empty_shape"
DAG_FILE = Path(__file__).parent / "dags" / f"{EMPTY}.py"
ROUNDS = 5
TRADES = 50_000
SHAPE = ("task_id", "trigger_rule", "downstream_task_ids", "pool", "pool_slots", "is_mapped")


def scheduling(folder: Path) -> list[dict[str, str]]:
    """Durations of runs, medians of some alternating rounds; each round settles a date of its own.

    The newest date's scheduled run warms up. The others' runs are started by hand: the schedule
    would start them all at once.
    """
    settled, empty, again = [], [], []
    with real_airflow(folder, [DAG_FILE], days=1 + ROUNDS, trades=TRADES) as airflow:
        *days, newest = airflow.place.days
        first = airflow.scheduled(newest)
        airflow.known(EMPTY)
        _require_same_shape(airflow)
        slices = sum(each["task_id"] == "submit_requests" for each in airflow.tasks(first))
        airflow.let_settle_from(days[0])
        for day in days:
            settled.append(duration(run := airflow.settle(day)))
            empty.append(duration(airflow.run(EMPTY, {"slices": str(slices)})))
            again.append(duration(airflow.settle(day)))
        processes = sum(each["pid"] is not None for each in airflow.tasks(run))
    day = f"a day of {TRADES:,} trades, {slices} requests, {processes} tasks"
    return [
        {
            "measured": f"{day}: the run in the real scheduler",
            "ours": f"{median(settled):.1f} s",
            "instead": f"an empty DAG of the same shape: {median(empty):.1f} s",
            "ratio": f"{median(settled) / median(empty):.2f}",
            "goal": "≤ 1.15",
        },
        {
            "measured": "the same day again, nothing left to settle",
            "ours": f"{median(again):.1f} s",
            "instead": f"its first run: {median(settled):.1f} s",
            "ratio": f"{median(again) / median(settled):.2f}",
            "goal": "≤ 0.6",
        },
    ]


def _require_same_shape(airflow: RealAirflow) -> None:
    """The empty DAG must not fall behind the real one."""
    ours, empty = (
        [
            [task[key] for key in SHAPE]
            for task in airflow.rest.call("GET", f"dags/{dag}/tasks")["tasks"]
        ]
        for dag in (SETTLE, EMPTY)
    )
    assert sorted(ours) == sorted(empty), f"{sorted(ours)} is not {sorted(empty)}"
