"""The project's only AirflowPlugin. Everything else of plugins/ is hidden by .airflowignore."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from settlement_airflow.connection_test import TestsWithoutPort
from settlement_airflow.manual_runs import ManualRuns
from settlement_airflow.pages.views import PREFIX, VIEWS, application


class SettlementPlugin(AirflowPlugin):
    """The settlement pages, and help for Airflow's API where it says too little."""

    name = "settlement"
    fastapi_root_middlewares = [  # noqa: RUF012 - an instance variable of the base class
        {"name": "Test connection without a port", "middleware": TestsWithoutPort},
        {"name": "Manual runs tell their date, and have their tasks", "middleware": ManualRuns},
    ]
    fastapi_apps = [  # noqa: RUF012
        {"name": "settlement pages", "app": application, "url_prefix": PREFIX}
    ]
    external_views = VIEWS
