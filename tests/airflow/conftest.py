"""Airflow in this process: its settings are set before it is imported anywhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="airflow"))
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
    SETTLEMENT_RETRY_DELAY_S="0",
)

from support.airflow_day import AirflowDay, airflow_day  # noqa: E402 - Airflow is imported there


@pytest.fixture
def day(
    airflow_metadata: dict[str, str],
    ledger_url: URL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AirflowDay]:
    """A day with two trades between four clients, ready to be settled."""
    from support.hurried_airflow import hurry  # noqa: PLC0415 - slow to import

    hurry(monkeypatch, airflow_metadata)
    with airflow_day(ledger_url, tmp_path, monkeypatch) as day:
        yield day
