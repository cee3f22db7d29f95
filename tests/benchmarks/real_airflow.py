"""The real Airflow that benchmarks run in: the one of `make up`, with a sandbox of its own size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

from sandbox_process import command

from settlement_airflow.up.place import FIRST_DATE, Place, free_port, prepare
from settlement_airflow.up.stack import PROJECT, LocalStack, airflow_settings
from support.airflows_at_once import only_airflow
from support.rest import AirflowRest

SETTLE = "settle_demo"
POLL_S = 0.5


@dataclass(frozen=True)
class RealAirflow:
    """A scheduler at work on the settlement DAG and on what is measured against it."""

    place: Place
    rest: AirflowRest
    dags: Path

    def run(self, dag_id: str, conf: dict[str, str] | None = None) -> dict[str, Any]:
        """Trigger a DAG by hand and wait for its end; the run.

        :raises RuntimeError: if it does not end green
        """
        asked = {"logical_date": None, "conf": conf or {}}
        run_id = self.rest.call("POST", f"dags/{dag_id}/dagRuns", asked)["dag_run_id"]
        return self._ended(dag_id, run_id)

    def settle(self, day: date) -> dict[str, Any]:
        """Settle a date by a manual run."""
        return self.run(SETTLE, {"business_date": day.isoformat()})

    def scheduled(self, day: date) -> dict[str, Any]:
        """The date's run by the schedule, once it has ended."""
        while (found := self.rest.run_of(day)) is None:
            sleep(POLL_S)
        return self._ended(found["dag_id"], found["dag_run_id"])

    def let_settle_from(self, day: date) -> None:
        """Let runs by hand settle dates from `day` on; the schedule goes on where it is."""
        _write_first_date(self.place, day)

    def known(self, dag_id: str) -> None:
        """Wait until the scheduler knows a DAG."""
        while not self.rest.send("GET", f"dags/{dag_id}").ok:
            sleep(POLL_S)

    def tasks(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """All task instances of a run."""
        path = f"dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'])}/taskInstances?limit=1000"
        found: list[dict[str, Any]] = self.rest.call("GET", path)["task_instances"]
        return found

    def _ended(self, dag_id: str, run_id: str) -> dict[str, Any]:
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}"
        while (run := self.rest.call("GET", path))["state"] in ("queued", "running"):
            sleep(POLL_S)
        if run["state"] != "success":
            raise RuntimeError(f"{dag_id} {run_id} ended {run['state']}")
        return dict(run)


@contextmanager
def real_airflow(
    folder: Path,
    dag_files: Sequence[Path],
    *,
    days: int,
    trades: int,
    clients: int = 100,
    max_connections: int = 40,
    **settings: str,
) -> Iterator[RealAirflow]:
    """Start it on the settlement DAG, `dag_files` and nothing else; leave nothing behind.

    `settings` are variables of the environment that differ from the usual ones.
    The schedule settles the newest of the seeded dates only: see `let_settle_from`.
    """
    dags = folder / "dags"
    dags.mkdir(parents=True)
    for file in (PROJECT / "dags" / "partner_settlement.py", *dag_files):
        shutil.copy(file, dags)
    with only_airflow():
        port, sandbox_port = free_port(0), free_port(0)
        place = prepare(
            folder,
            sandbox_port,
            days=days,
            trades=trades,
            clients=clients,
            max_connections=max_connections,
        )
        allow_many_requests(place)
        _write_first_date(place, place.days[-1])
        sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        environment = {
            **place.environment,
            **airflow_settings(folder / "airflow", place.metadata, port),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW_CONN_SANDBOX": json.dumps({"conn_type": "http", "host": sandbox_url}),
            **settings,
        }
        stack = LocalStack(folder, environment, port)
        try:
            stack.spawn("sandbox", command(sandbox_port, clients))
            stack.wait_for(f"{sandbox_url}/_control/health", "sandbox")
            stack.start()
            yield RealAirflow(place, AirflowRest(f"http://127.0.0.1:{port}"), dags)
        finally:
            stack.stop()
            place.server.stop()


def allow_many_requests(place: Place) -> None:
    """Raise the limit of the place's partner file: some benchmarks split a day on purpose."""
    with (place.home / "partners" / "demo.toml").open("a") as file:
        file.write("\n[limits]\nrequests_per_date = 1000\n")


def _write_first_date(place: Place, day: date) -> None:
    file = place.home / "partners" / "demo.toml"
    file.write_text(FIRST_DATE.sub(f"first_business_date = {day}", file.read_text()))


def seconds_between(first: str, last: str) -> float:
    """Seconds between two instants as the REST API writes them."""
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


def duration(run: dict[str, Any]) -> float:
    """Seconds from a run's start to its end."""
    return seconds_between(run["start_date"], run["end_date"])
