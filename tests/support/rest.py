"""Airflow's REST API, as on-call's browser uses it."""

from __future__ import annotations

from datetime import date
from time import sleep
from typing import Any
from urllib.parse import quote

import requests

from settlement_airflow.up.stack import LOGIN
from support.patience import LOOK_EVERY_S, NeverCame, once, until

DAG = "settle_demo"
FINISHED = {"success", "failed"}
READING_S = 5


class AirflowRest:
    """One logged-in user."""

    def __init__(self, url: str, login: tuple[str, str] = LOGIN) -> None:
        self.url = url
        who = {"username": login[0], "password": login[1]}
        answer = requests.post(f"{url}/auth/token", json=who, timeout=10)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def send(self, method: str, path: str, content: object = None) -> requests.Response:
        """One call of version 2 of the API, whatever it answers."""
        return requests.request(
            method, f"{self.url}/api/v2/{path}", json=content, headers=self._headers, timeout=60
        )

    def call(self, method: str, path: str, content: object = None) -> Any:
        """One call that must succeed; its answer."""
        answer = self.send(method, path, content)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def another(self, login: tuple[str, str]) -> AirflowRest:
        """Somebody else at the same Airflow."""
        return AirflowRest(self.url, login)

    def known(self, dag_id: str) -> None:
        """Wait until the dag-processor has read a DAG."""
        until(
            lambda: self.send("GET", f"dags/{dag_id}/details").ok,
            f"{dag_id} to be parsed",
            every_s=LOOK_EVERY_S,
        )

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler have a DAG, as soon as there is one."""
        self.known(dag_id)
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def resize(self, pool: str, slots: int) -> None:
        """Give a pool so many slots."""
        content = {"pool": pool, "slots": slots, "include_deferred": False}
        self.call("PATCH", f"pools/{pool}", content)

    def run_of(self, day: date, dag_id: str = DAG) -> dict[str, Any] | None:
        """The scheduled run of a business date: its logical date is the cut-off on that day."""
        runs = self.call("GET", "dags/~/dagRuns?limit=100")["dag_runs"]
        found = [
            each
            for each in runs
            if each["dag_id"] == dag_id and (each["logical_date"] or "").startswith(str(day))
        ]
        return found[0] if found else None

    def finished_run(self, day: date) -> dict[str, Any]:
        """The run of a date, once it has ended."""
        found: dict[str, Any] = once(lambda: self.run_of(day), lambda run: run and ended(run))
        return found

    def start_run(self, day: date) -> str:
        """Trigger the date by hand, as the form does; the run's id."""
        return self.trigger(DAG, {"business_date": day.isoformat()})

    def trigger(self, dag_id: str, form: dict[str, str]) -> str:
        """Trigger any DAG by hand with its form filled in; the run's id."""
        content = {"logical_date": None, "conf": form}
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", content)["dag_run_id"])

    def run_ended(self, run_id: str, dag_id: str = DAG) -> dict[str, Any]:
        """A run of any DAG, once it has ended."""
        try:
            found: dict[str, Any] = once(lambda: self.run(dag_id, run_id), ended)
        except NeverCame as late:
            late.add_note(f"tasks of {run_id}: {self.task_states(run_id, dag_id)}")
            raise
        return {**found, "tasks": self.task_states(run_id, dag_id)}

    def required_action(self) -> dict[str, Any]:
        """The one thing that waits for a person, once there is one and a person has read it.

        An answer within the second in which the task is parked is lost: the scheduler takes the end
        of the parked process for the end of the next one, and tries the task, which asks again.
        """
        path = "dags/~/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input"
        found: list[dict[str, Any]] = once(lambda: self.call("GET", path)["hitl_details"], bool)
        (action,) = found
        sleep(READING_S)
        return action

    def answer(self, action: dict[str, Any], choice: str, reason: str) -> None:
        """Answer it as this user."""
        task = action["task_instance"]
        run = f"dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'])}"
        path = f"{run}/taskInstances/{task['task_id']}/{task['map_index']}/hitlDetails"
        content = {"chosen_options": [choice], "params_input": {"reason": reason}}
        self.call("PATCH", path, content)

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run of any DAG as it is now."""
        found: dict[str, Any] = self.call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}")
        return found

    def runs_named(self, beginning: str, dag_id: str = DAG) -> list[str]:
        """Ids of the runs that begin so."""
        runs = self.call("GET", f"dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        return [each["dag_run_id"] for each in runs if each["dag_run_id"].startswith(beginning)]

    def instance(self, run_id: str, task_id: str, dag_id: str = DAG) -> dict[str, Any] | None:
        """The instance of a task of a run, the first of a mapped one; None if there is none yet."""
        return next(iter(self.instances(run_id, task_id, dag_id)), None)

    def instances(self, run_id: str, task_id: str, dag_id: str = DAG) -> list[dict[str, Any]]:
        """The instances of a task of a run: one, or as many as it is mapped over."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances"
        instances = self.call("GET", path)["task_instances"]
        return [each for each in instances if each["task_id"] == task_id]

    def log_of_first_try(self, run_id: str, task_id: str, dag_id: str) -> str:
        """What the first try of a task has logged; of a mapped one, of its first instance."""
        instances = once(lambda: self.instances(run_id, task_id, dag_id), _first_try_is_over)
        run = f"dags/{dag_id}/dagRuns/{quote(run_id)}"
        where = f"map_index={instances[0]['map_index']}&full_content=true"
        path = f"{run}/taskInstances/{task_id}/logs/1?{where}"
        return str(self.call("GET", path)["content"])

    def task_states(self, run_id: str, dag_id: str = DAG) -> dict[str, str]:
        """State per task; mapped ones are `task[index]`."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances"
        return {
            f"{each['task_id']}[{each['map_index']}]"
            if each["map_index"] >= 0
            else each["task_id"]: str(each["state"])
            for each in self.call("GET", path)["task_instances"]
        }

    def clear(self, run_id: str, task_id: str) -> None:
        """Clear a task of a run with everything downstream, as the UI does by default.

        And click again until Airflow takes it: a clear that meets the scheduler at the same rows is
        undone by the database, and answered by 409 or 500.
        """
        content = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
        }
        path = f"dags/{DAG}/clearTaskInstances"
        once(lambda: self.send("POST", path, content), lambda answer: answer.ok)


def _first_try_is_over(instances: list[dict[str, Any]]) -> bool:
    """Whether the first of the instances has been tried."""
    tried = FINISHED | {"up_for_retry"}
    return bool(instances) and (instances[0]["try_number"] > 1 or instances[0]["state"] in tried)


def ended(run: dict[str, Any]) -> bool:
    """Whether a run is over."""
    return run["state"] in FINISHED
