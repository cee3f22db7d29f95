"""Killing what runs a task in a real Airflow: the task's process, its worker, or both."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil
from sqlalchemy import text

from settlement.ledger.database import Ledger
from settlement_airflow.up.stack import LocalStack
from support.rest import DAG, AirflowRest

PATIENCE_S = 240
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE :me = ANY(pg_blocking_pids(pid))"


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition of a real scheduler; fails by name when it does not come true."""
    pause, deadline = threading.Event(), monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        pause.wait(0.2)


class Running(NamedTuple):
    """A task that is running: its own process, and the worker that watches over it."""

    task_instance_id: str
    task: psutil.Process
    worker: psutil.Process


def running(stack: LocalStack, rest: AirflowRest, run_id: str, task_id: str) -> Running:
    """The processes of a task, once it runs; the task's process shows its id as a title."""
    found: list[Running] = []

    def runs() -> bool:
        instance = instance_of(rest, run_id, task_id)
        wanted = instance["id"] if instance else None
        found.extend(each for each in at_work(stack) if each.task_instance_id == wanted)
        return bool(found)

    eventually(runs, f"a process of {task_id} of {run_id}")
    return found[0]


def at_work(stack: LocalStack) -> Iterator[Running]:
    """All tasks that are running."""
    for worker in psutil.Process(stack.processes["scheduler"].pid).children():
        with suppress(psutil.NoSuchProcess):
            for task in worker.children():
                title = " ".join(task.cmdline()).split()
                yield Running(title[-1] if title else "", task, worker)


def kill(victims: Sequence[psutil.Process]) -> None:
    """SIGKILL; returns when they are gone."""
    for each in victims:
        each.kill()
    _, alive = psutil.wait_procs(victims, timeout=30)
    assert alive == []


def kill_component(stack: LocalStack, name: str) -> None:
    """SIGKILL to a component of Airflow and its helpers; a task that runs would go on alone."""
    component = stack.processes[name]
    os.killpg(component.pid, signal.SIGKILL)
    component.wait()


def start_again(stack: LocalStack, name: str) -> None:
    """Start a component that was killed, as whoever watches over it would."""
    stack.spawn(name, list(stack.processes[name].args))


def noticed(rest: AirflowRest, run_id: str, task_id: str, died: Running) -> None:
    """Wait until Airflow shows that a task has died: nobody clears it before.

    A clear in the instant in which the scheduler takes in the death has stopped the scheduler of
    Airflow 3.3.2 for good: both change the same rows. A deployment restarts it; a test does not.
    """

    def is_over() -> bool:
        instance = instance_of(rest, run_id, task_id)
        now = instance and (instance["id"], instance["state"])
        return now != (died.task_instance_id, "running")

    eventually(is_over, f"Airflow to notice the end of {task_id} of {run_id}")


def instance_of(
    rest: AirflowRest, run_id: str, task_id: str, dag_id: str = DAG
) -> dict[str, Any] | None:
    """The task instance of a run, the first of mapped ones."""
    found = rest.call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances")
    instances = found["task_instances"]
    return next((each for each in instances if each["task_id"] == task_id), None)


def holds(ledger: Ledger, query: str, **about: object) -> bool:
    """Whether a query of the ledger gives a row."""
    with ledger.transaction() as tx:
        return tx.execute(text(query), about).first() is not None


@contextmanager
def blocking(ledger: Ledger, ready: str, lock: str, **about: object) -> Iterator[None]:
    """Take a lock of the ledger once something is there, and wait until somebody waits for it.

    :param ready: a query that gives a row once it is there
    """
    eventually(lambda: holds(ledger, ready, **about), f"{ready} {about}")
    with ledger.engine.connect() as tx:  # never committed: what the lock has written is undone
        tx.execute(text(lock), about)
        me = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        eventually(lambda: holds(ledger, BLOCKED, me=me), f"somebody to wait for {lock} {about}")
        yield
