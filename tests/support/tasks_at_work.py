"""The tasks that run in a real Airflow, each with its process and the worker that watches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil

from settlement_airflow.up.stack import LocalStack
from support.patience import once, until
from support.rest import AirflowRest

SOON_S = 0.2
"""Between looks at a task that is held at a moment: it must be found while it is."""


class AtWork(NamedTuple):
    """A task that is running: its own process, and the worker that watches over it."""

    title: str
    task: psutil.Process
    worker: psutil.Process

    @property
    def task_instance_id(self) -> str:
        """The end of the process's title; empty before it has one."""
        return self.title.split()[-1] if self.title else ""


def tasks_at_work(stack: LocalStack) -> Iterator[AtWork]:
    """All tasks that are running."""
    for worker in psutil.Process(stack.processes["scheduler"].pid).children():
        with suppress(psutil.NoSuchProcess):
            for task in worker.children():
                yield AtWork(" ".join(task.cmdline()), task, worker)


def at_work(stack: LocalStack, rest: AirflowRest, run_id: str, task_id: str) -> AtWork:
    """The processes of a task, once it runs."""

    def running() -> AtWork | None:
        instance = rest.instance(run_id, task_id)
        wanted = instance["id"] if instance else None
        working = tasks_at_work(stack)
        return next((each for each in working if each.task_instance_id == wanted), None)

    found: AtWork = once(running, every_s=SOON_S)
    return found


def noticed(rest: AirflowRest, run_id: str, task_id: str, died: AtWork) -> None:
    """Wait until Airflow shows that a task has died: nobody clears it before.

    A clear in the instant in which the scheduler takes in the death has stopped the scheduler of
    Airflow 3.3.2 for good: both change the same rows. A deployment restarts it; a test does not.
    """

    def is_over() -> bool:
        instance = rest.instance(run_id, task_id)
        now = instance and (instance["id"], instance["state"])
        return now != (died.task_instance_id, "running")

    until(is_over, f"Airflow to notice the end of {task_id} of {run_id}", every_s=SOON_S)
