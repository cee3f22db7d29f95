"""Airflow's runs of the DAG: read, cleared, marked and started over its REST API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn
from urllib.parse import quote

import requests

from settlement.config.calendar import BusinessCalendar
from settlement_airflow.up.stack import POOL
from support.patience import NeverCame, once
from support.rest import DAG, FINISHED, AirflowRest

PAGE = 100
LONGEST_QUIET_S = 600
MOST_COLLISIONS = 3
"""A deadlock with the scheduler is answered with a 500, and the click does nothing."""
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
BACKFILL_RUNS = 2
CALLS_AT_A_TIME = 4
"""Slots of the pool: as many as workers, since the sandbox can bear it and races are wanted."""
EXPECTED_REFUSALS = {404, 409}
"""What Airflow answers if something is gone meanwhile, or is going on already."""


class NeverQuietError(AssertionError):
    """A run never ends; the text names each and what it waits for."""


@dataclass(frozen=True)
class Run:
    """One DAG run."""

    id: str
    kind: str
    state: str
    day: date
    after: datetime

    @property
    def finished(self) -> bool:
        """Green or red."""
        return self.state in FINISHED


@dataclass(frozen=True)
class Task:
    """One task instance; `index` is -1 for one that is not mapped."""

    id: str
    index: int
    state: str
    tries: int


class Runs:
    """All of it for one DAG, of the dates that the story is about.

    A cut-off that passes while it is played begins the run of another date, which waits for trades
    that nobody loads.
    """

    def __init__(self, rest: AirflowRest, calendar: BusinessCalendar, days: Sequence[date]) -> None:
        self._rest = rest
        self._calendar = calendar
        self._days = frozenset(days)

    # read

    def all(self) -> list[Run]:
        """Every run of the story's dates, the newest last."""
        found = self._pages("dagRuns?order_by=run_after", "dag_runs")
        return [run for run in map(self._run, found) if run.day in self._days]

    def newest_of(self, day: date) -> Run | None:
        """The run of a date that was started for the latest moment."""
        of_day = [run for run in self.all() if run.day == day]
        return of_day[-1] if of_day else None

    def tasks(self, run_id: str) -> list[Task]:
        """Task instances of a run; `~` for those of every run."""
        path = f"dagRuns/{quote(run_id, safe='~')}/taskInstances?order_by=id"
        return [
            Task(each["task_id"], each["map_index"], str(each["state"]), each["try_number"])
            for each in self._pages(path, "task_instances")
        ]

    def task_ids(self) -> list[str]:
        """Tasks of the DAG."""
        return [each["task_id"] for each in self._rest.call("GET", f"dags/{DAG}/tasks")["tasks"]]

    # change; each returns what Airflow answered

    def begin(self) -> None:
        """Let the scheduler have the DAG."""
        self._rest.resize(POOL, CALLS_AT_A_TIME)
        self._rest.unpause(DAG)

    def clear_run(self, run: Run, *, only_failed: bool) -> str:
        """Clear a run, as the button above the run does."""
        content = {"dry_run": False, "only_failed": only_failed}
        return self._do("POST", f"{self._path(run)}/clear", content)

    def clear_tasks(self, run: Run, tasks: Sequence[str | tuple[str, int]], **options: bool) -> str:
        """Clear tasks of a run; options as the API names them, such as include_downstream."""
        content = {
            "dry_run": False,
            "dag_run_id": run.id,
            "task_ids": list(tasks),
            "only_failed": False,
            **options,
        }
        return self._do("POST", f"dags/{DAG}/clearTaskInstances", content)

    def mark_task(self, run: Run, task: Task, state: str, *, downstream: bool) -> str:
        """Set the state of a task by hand."""
        index = f"/{task.index}" if task.index >= 0 else ""
        content = {"new_state": state, "include_downstream": downstream}
        return self._do("PATCH", f"{self._path(run)}/taskInstances/{task.id}{index}", content)

    def mark_run(self, run: Run, state: str) -> str:
        """Set the state of a run by hand."""
        return self._do("PATCH", self._path(run), {"state": state})

    def trigger(self, day: date, *, at_cut_off: bool = False) -> str:
        """A manual run of a date, by the form or by its logical date."""
        content: dict[str, object] = {"logical_date": None, "conf": {"business_date": str(day)}}
        if at_cut_off:
            content = {"logical_date": self._calendar.cut_off(day).isoformat()}
        return self._do("POST", f"dags/{DAG}/dagRuns", content)

    def backfill(self, first: date, last: date, reprocess: str) -> str:
        """A backfill of both dates and all in between, two runs at a time."""
        content = {
            "dag_id": DAG,
            "from_date": self._calendar.cut_off(first).isoformat(),
            "to_date": self._calendar.cut_off(last).isoformat(),
            "reprocess_behavior": reprocess,
            "max_active_runs": BACKFILL_RUNS,
        }
        return self._do("POST", "backfills", content)

    # wait

    def wait_until_quiet(self, require_alive: Callable[[], None]) -> list[Run]:
        """Until every run has ended; all of them.

        :param require_alive: raises once a component of Airflow has ended
        """

        def runs() -> list[Run]:
            require_alive()
            return self.all()

        def quiet(runs: list[Run]) -> bool:
            return all(run.finished for run in runs)

        try:
            ended: list[Run] = once(runs, quiet, patience_s=LONGEST_QUIET_S)
        except NeverCame:
            self._tell_unfinished()
        return ended

    def _tell_unfinished(self) -> NoReturn:
        unfinished = [
            f"{run.id} is {run.state}: "
            + ", ".join(
                f"{task.id}[{task.index}] {task.state}"
                for task in self.tasks(run.id)
                if task.state not in ENDED
            )
            for run in self.all()
            if not run.finished
        ]
        raise NeverQuietError(f"not quiet after {LONGEST_QUIET_S} s:\n" + "\n".join(unfinished))

    def _do(self, method: str, path: str, content: object) -> str:
        """What Airflow answers; if it met the scheduler in its database, a person tries again."""
        answer = self._send(method, path, content)
        for _ in range(MOST_COLLISIONS):
            if not _has_collided(answer):
                break
            answer = self._send(method, path, content)
        if answer.ok or answer.status_code in EXPECTED_REFUSALS:
            return str(answer.status_code)
        raise AssertionError(f"{method} {path} {content}: {answer.status_code} {answer.text}")

    def _send(self, method: str, path: str, content: object = None) -> requests.Response:
        return self._rest.send(method, path, content)

    def _path(self, run: Run) -> str:
        return f"dags/{DAG}/dagRuns/{quote(run.id)}"

    def _run(self, found: dict[str, Any]) -> Run:
        chosen = (found["conf"] or {}).get("business_date")
        day = (
            date.fromisoformat(chosen)
            if chosen
            else self._calendar.date_of_cut_off(datetime.fromisoformat(found["logical_date"]))
        )
        after = datetime.fromisoformat(found["run_after"])
        return Run(found["dag_run_id"], found["run_type"], found["state"], day, after)

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        joined = "&" if "?" in path else "?"
        while True:
            page = self._rest.call("GET", f"dags/{DAG}/{path}{joined}limit={PAGE}&offset={offset}")[
                key
            ]
            yield from page
            offset += len(page)
            if len(page) < PAGE:
                return


def _has_collided(answer: requests.Response) -> bool:
    return answer.status_code == requests.codes.server_error and "Database error" in answer.text
