"""Running a partner's DAG in this process with `dag.test()`, and what became of its tasks.

Imports Airflow: only once its private home is set up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TextIO

from airflow.dag_processing.dagbag import DagBag
from airflow.listeners import hookimpl
from airflow.sdk.listener import get_listener_manager
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from settlement.errors import ConfigurationError, SettlementError
from settlement_airflow.cli.lean_airflow import Pauses, build_newest_api, short_pauses
from settlement_airflow.cli.output_log import output_into
from settlement_airflow.cli.private_airflow import DAG_FILE
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.operators.base import error_behind

SUCCESS = "success"
UP_FOR_RETRY = "up_for_retry"


@dataclass(frozen=True, slots=True)
class Failure:
    """The last words of a task that failed, and the error of the domain behind them, if one is."""

    text: str
    error: SettlementError | None


@dataclass(frozen=True, slots=True)
class DagRunEnd:
    """How a run ended; `failures` are the tasks that failed, in order."""

    succeeded: bool
    failures: dict[str, Failure]
    log: Path


def run_dag(partner: str, day: date, log: Path) -> DagRunEnd:
    """Run the partner's DAG for a date to its end, retries waited out; its words go into `log`.

    :raises ConfigurationError: if the DAG file cannot be read
    """
    with output_into(log) as stderr, short_pauses() as pauses, _watching(stderr, pauses) as watch:
        logging.getLogger().setLevel(logging.INFO)
        build_newest_api()
        bag = DagBag(dag_folder=DAG_FILE, bundle_path=DAG_FILE.parent)
        dag = bag.dags.get(dag_id_of(partner))
        if dag is None:
            raise ConfigurationError(
                f"{DAG_FILE} gives no DAG {dag_id_of(partner)}: what is wrong with it is in {log}",
                partner=partner,
            )
        run = dag.test(logical_date=None, run_conf={"business_date": day.isoformat()})
    return DagRunEnd(run.state == SUCCESS and not watch.failures, watch.failures, log)


@dataclass
class _Watch:
    """Listens to the tasks of the run: shows each as it ends, keeps the errors of those that fail.

    A task that is tried again and succeeds has no error in the end.
    """

    bar: Progress
    failures: dict[str, Failure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._task = self.bar.add_task("starting the run", total=None)

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:  # noqa: ARG002
        """Show what is being done."""
        self.bar.update(self._task, description=_name(task_instance))

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:  # noqa: ARG002
        """Forget what went wrong with an earlier try."""
        self.failures.pop(_name(task_instance), None)

    @hookimpl
    def on_task_instance_failed(
        self,
        previous_state: Any,  # noqa: ARG002 - Airflow's signature
        task_instance: Any,
        error: Any,
    ) -> None:
        """Keep the error, and say it if the task is tried again."""
        text = str(error) if error else "ended without saying why"
        self.failures[_name(task_instance)] = Failure(text, error_behind(error))
        if task_instance.state == UP_FOR_RETRY:
            self.bar.console.print(
                f"{_name(task_instance)}: {text} (will be tried again)",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


@contextmanager
def _watching(stderr: TextIO, pauses: Pauses) -> Iterator[_Watch]:
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(file=stderr),
        transient=True,
    )
    with bar:
        watch = _Watch(bar)
        manager: Any = get_listener_manager()
        for each in (watch, pauses):
            manager.add_listener(each)
        try:
            yield watch
        finally:
            for each in (watch, pauses):
                manager.pm.unregister(each)


def _name(task_instance: Any) -> str:
    index = task_instance.map_index
    mapped = f"[{index}]" if index is not None and index >= 0 else ""
    return f"{task_instance.task_id}{mapped}"
