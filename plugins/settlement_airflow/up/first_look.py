"""What a newcomer sees first is green: nothing is shown before all is settled, or time is up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic, sleep
from typing import Any

import requests

from settlement_airflow.up.stack import LOGIN

SETTLE, WATCH = "settle_demo", "settlement_watch"
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
ON_THE_WAY = ("queued", "running")
PARSED_WITHIN_S = 180
PATIENCE_S = 600
"""A run may wait for a person, or its retries: the UI is shown then all the same."""
POLL_S = 1.0


class FirstLook:
    """Airflow's REST API as the administrator uses it, while the dates settle.

    :param url: of the API server, which must be up
    :param require_alive: raises if a component has ended
    """

    def __init__(self, url: str, require_alive: Callable[[], None]) -> None:
        self._url = url
        self._require_alive = require_alive
        who = {"username": LOGIN[0], "password": LOGIN[1]}
        answer = requests.post(f"{url}/auth/token", json=who, timeout=30)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def hold_the_watch(self) -> None:
        """Before the scheduler starts: dates that nobody has begun yet are no finding."""
        self._until(self._all_known, PARSED_WITHIN_S)
        self._call("PATCH", f"dags/{WATCH}", {"is_paused": True})

    def until_settled(self, newest: datetime) -> list[str]:
        """Wait until every component works and no date is on its way; runs that are not green.

        :param newest: cut-off of the newest date, the logical date of its run
        """
        self._until(lambda: self._healthy() and self._is_over(newest), PATIENCE_S)
        self._call("PATCH", f"dags/{WATCH}", {"is_paused": False})
        return [run_id for _, run_id, state in self._runs(newest) if state != "success"]

    def _until(self, reached: Callable[[], bool], patience_s: float) -> None:
        deadline = monotonic() + patience_s
        while not reached() and monotonic() < deadline:
            self._require_alive()
            sleep(POLL_S)

    def _is_over(self, newest: datetime) -> bool:
        self._all_known()  # also those that were parsed later
        runs = self._runs(newest)
        begun = any(at == newest for at, _, _ in runs)
        return begun and not any(state in ON_THE_WAY for _, _, state in runs)

    def _healthy(self) -> bool:
        health = self._call("GET", "monitor/health") or {}
        return all(health.get(each, {}).get("status") == "healthy" for each in COMPONENTS)

    def _all_known(self) -> bool:
        """Let the scheduler have every DAG that it knows by now, but for the watch."""
        dags = (self._call("GET", "dags?limit=100") or {}).get("dags", [])
        for each in dags:
            if each["is_paused"] and each["dag_id"] != WATCH:
                self._call("PATCH", f"dags/{each['dag_id']}", {"is_paused": False})
        return {SETTLE, WATCH} <= {each["dag_id"] for each in dags}

    def _runs(self, newest: datetime) -> list[tuple[datetime, str, str]]:
        """Logical date, id and state of the scheduled runs of the demo's dates up to that one."""
        path = f"dags/{SETTLE}/dagRuns?order_by=-run_after&limit=100&run_type=scheduled"
        found = (self._call("GET", path) or {}).get("dag_runs", [])
        runs = [
            (datetime.fromisoformat(each["logical_date"]), each["dag_run_id"], each["state"])
            for each in found
        ]
        return [each for each in runs if each[0] <= newest]

    def _call(self, method: str, path: str, content: object = None) -> Any:
        """Answer of one call; None where Airflow does not know yet what is asked about."""
        try:
            answer = requests.request(
                method,
                f"{self._url}/api/v2/{path}",
                json=content,
                headers=self._headers,
                timeout=30,
            )
            return answer.json() if answer.ok else None
        except requests.RequestException:  # busy while everything starts
            return None
