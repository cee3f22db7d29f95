"""A run by the command spends its time on the date, not on what other deployments need."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import FunctionType, SimpleNamespace

import pytest
from airflow.api_fastapi.execution_api import versions
from airflow.sdk.api.datamodels._generated import API_VERSION
from airflow.sdk.execution_time.supervisor import in_process_api_server

from settlement_airflow.cli.lean_airflow import DAG_TEST, FIRST_PAUSE_S, Pauses
from support.airflow_day import AirflowDay

from .conftest import Command


@pytest.fixture
def no_api_yet() -> Iterator[None]:
    """As in a new process: nothing has built the API that tasks speak to."""
    in_process_api_server.cache_clear()
    yield
    in_process_api_server.cache_clear()


@pytest.mark.usefixtures("no_api_yet")
def test_a_run_builds_the_newest_version_of_the_api_and_waits_for_nothing_that_is_due(
    day: AirflowDay, run_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each older version costs as much as the newest; each pause of `dag.test()` is a second."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    ended = run_here("demo", "2026-03-03")
    assert ended.code == 0, ended.err
    assert day.booked() == day.owed()
    assert in_process_api_server().app.versions.version_values == (API_VERSION,)
    assert sum(pauses) < 1


@pytest.mark.usefixtures("no_api_yet")
def test_what_a_server_in_this_process_would_offer_stays_whole(
    day: AirflowDay, run_here: Command
) -> None:
    """Only the run's own API is smaller, and `time.sleep` is what it was."""
    offered, sleep = versions.bundle.version_values, time.sleep
    assert run_here("demo", "2026-03-03").code == 0
    assert versions.bundle.version_values == offered
    assert len(offered) > 1
    assert time.sleep is sleep
    assert day.booked() == day.owed()


def test_a_pause_grows_to_what_is_wanted_and_begins_anew_with_each_task() -> None:
    """A task that waits for its retry is not polled all the time."""
    slept: list[float] = []
    pauses = Pauses(slept.append)
    pause_in_dag_test = FunctionType(
        (lambda: time.sleep(1)).__code__,
        {"__name__": DAG_TEST, "time": SimpleNamespace(sleep=pauses)},
    )
    for _ in range(7):
        pause_in_dag_test()
    assert slept[0] == FIRST_PAUSE_S
    assert slept == sorted(slept)
    assert slept[-2:] == [1, 1]
    pauses.on_task_instance_running(None, None)
    pause_in_dag_test()
    assert slept[-1] == FIRST_PAUSE_S


def test_whoever_else_sleeps_sleeps_as_long_as_he_wants() -> None:
    """The pace of requests to the partner is kept by pauses, too."""
    slept: list[float] = []
    Pauses(slept.append)(7)
    assert slept == [7]
