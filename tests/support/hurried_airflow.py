"""`dag.test()` without what no test waits for, and without what it does again for nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing import dagbag
from airflow.models.dagrun import DagRun
from airflow.providers.standard.triggers import temporal
from airflow.utils.session import create_session
from sqlalchemy import delete

from settlement_airflow.dag_parts import RETRYING

LONGEST_PAUSE_S = 0.1
PARTNERS = "SETTLEMENT_PARTNERS_DIR"


def hurry(monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> None:
    """Make the runs of one test quick.

    :param known: the partner files whose DAGs Airflow's database has, from one test to the next
    """
    with create_session() as session:
        session.execute(delete(DagRun))  # each run would clear the tasks of all that came before
    # Airflow rounds a delay that grows up to a second, even that of SETTLEMENT_RETRY_DELAY_S=0.
    monkeypatch.setitem(RETRYING, "retry_exponential_backoff", 0)
    monkeypatch.setattr(time, "sleep", _shorter_pauses_of_dag_test(time.sleep))
    monkeypatch.setattr(temporal, "asyncio", SimpleNamespace(sleep=_shorter(asyncio.sleep)))
    monkeypatch.setattr(dagbag, "sync_bag_to_db", _changes_only(dagbag.sync_bag_to_db, known))


def _shorter_pauses_of_dag_test(sleep: Callable[[float], None]) -> Callable[[float], None]:
    """It looks for work once a second, the retries of these tests are due much sooner."""

    def pause(seconds: float) -> None:
        caller = sys._getframe(1).f_globals["__name__"]
        sleep(LONGEST_PAUSE_S if caller == "airflow.sdk.definitions.dag" else seconds)

    return pause


def _shorter(sleep: Callable[[float], Awaitable[None]]) -> Callable[[float], Awaitable[None]]:
    """A trigger looks at the clock once a second, the moments of these tests come much sooner."""
    return lambda seconds: sleep(min(seconds, LONGEST_PAUSE_S))


def _changes_only(sync: Callable[..., None], known: dict[str, str]) -> Callable[..., None]:
    """`dag.test()` serialises every DAG of the folder again: once is enough for the same DAGs."""

    def sync_changes(*arguments: Any, **named: Any) -> None:
        files = {each.name: each.read_text() for each in Path(os.environ[PARTNERS]).iterdir()}
        if files != known:
            known.clear()
            sync(*arguments, **named)
            known.update(files)

    return sync_changes
