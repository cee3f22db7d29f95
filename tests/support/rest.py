"""Airflow's REST API, as on-call's browser uses it."""

from __future__ import annotations

from datetime import date
from time import monotonic
from typing import Any
from urllib.parse import quote

import requests
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from settlement_airflow.up.stack import LOGIN

DAG = "settle_demo"
FINISHED = {"success", "failed"}
LONGEST_RUN_S = 240


class AirflowRest:
    """One logged-in user."""

    def __init__(self, url: str) -> None:
        self._url = url
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        answer = requests.post(f"{url}/auth/token", json=login, timeout=10)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def send(self, method: str, path: str, content: object = None) -> requests.Response:
        """One call of version 2 of the API, whatever it answers."""
        return requests.request(
            method, f"{self._url}/api/v2/{path}", json=content, headers=self._headers, timeout=60
        )

    def call(self, method: str, path: str, content: object = None) -> Any:
        """One call that must succeed; its answer."""
        answer = self.send(method, path, content)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def run_of(self, day: date) -> dict[str, Any] | None:
        """The scheduled run of a business date: its logical date is the cut-off on that day."""
        runs = self.call("GET", "dags/~/dagRuns?limit=50")["dag_runs"]
        found = [each for each in runs if (each["logical_date"] or "").startswith(str(day))]
        return found[0] if found else None

    def finished_run(self, day: date) -> dict[str, Any]:
        """The run of a date, once it has ended."""
        started = monotonic()

        @retry(
            retry=retry_if_result(lambda run: run is None or run["state"] not in FINISHED),
            wait=wait_fixed(1),
            stop=stop_after_delay(LONGEST_RUN_S),
        )
        def ended() -> dict[str, Any] | None:
            return self.run_of(day)

        run = ended()
        assert run is not None, f"no run of {day} after {monotonic() - started:.0f} s"
        return run

    def task_states(self, run_id: str) -> dict[str, str]:
        """State per task; mapped ones are `task[index]`."""
        path = f"dags/{DAG}/dagRuns/{quote(run_id)}/taskInstances"
        return {
            f"{each['task_id']}[{each['map_index']}]"
            if each["map_index"] >= 0
            else each["task_id"]: str(each["state"])
            for each in self.call("GET", path)["task_instances"]
        }

    def clear(self, run_id: str, task_id: str) -> None:
        """Clear a task of a run with everything downstream, as the UI does by default."""
        content = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
        }
        self.call("POST", f"dags/{DAG}/clearTaskInstances", content)
