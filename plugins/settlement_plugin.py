"""The project's only AirflowPlugin. Everything else of plugins/ is hidden by .airflowignore."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from settlement_airflow.connection_test import TestsWithoutPort
from settlement_airflow.manual_runs import ManualRuns


class SettlementPlugin(AirflowPlugin):
    """Shows that the project is installed; helps Airflow's API where it says too little."""

    name = "settlement"
    fastapi_root_middlewares = [  # noqa: RUF012 - an instance variable of the base class
        {"name": "Test connection without a port", "middleware": TestsWithoutPort},
        {"name": "Manual runs tell their date, and have their tasks", "middleware": ManualRuns},
    ]
